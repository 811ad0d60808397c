// Makes a small GGUF file of random weights for each row of the table of architectures.
//   node tests/architectures/make-models.mjs OUT [names…]
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Problem, isMain, runMain } from "../../scripts/lib/run.mjs";
import { blockTypes } from "../bench/models/blocks.mjs";
import { paddingAfter, type, writeHeader } from "../bench/models/gguf.mjs";
import { decode, encode, randomValues } from "./encode.mjs";
import { rows } from "./rows.mjs";

export const contextLength = 256;
const vocabulary = 300;
const spread = 3; // standard deviation of the logits, in nats

/**
 * The bytes of a row's file. Weights depend only on the name of their tensor, so rows change independently.
 * @param asFloats the same weights, exactly, as F32
 */
export function makeModel(model, { asFloats = false } = {}) {
  const file = { model, asFloats, tensors: [] };
  addTensors(file);
  const parts = file.tensors.flatMap(({ data }) => [data, Buffer.alloc(paddingAfter(data.length))]);
  const header = writeHeader(
    { ...keysOf(model), ...vocabularyOf(model) },
    file.tensors.map((tensor) => ({ ...tensor, type: blockTypes[tensor.type].id, bytes: tensor.data.length })),
  );
  return Buffer.concat([header, ...parts]);
}

// ---------------------------------------------------------------------------------------------------------- metadata

function entry(value) {
  if (typeof value === "boolean") return { type: type.bool, value: Number(value) };
  if (typeof value === "string") return { type: type.string, value: latin1(value) };
  if (Array.isArray(value)) return listOf(type.i32, value);
  return typeof value === "number" ? { type: type.u32, value } : { type: type.f32, value: value.real };
}

const latin1 = (text) => Buffer.from(text).toString("latin1"); // the form that gguf.mjs expects
const listOf = (element, value) => ({ type: type.array, element, value });

function keysOf(model) {
  const { architecture, norm } = model;
  const keys = {
    block_count: model.layers,
    context_length: contextLength,
    embedding_length: model.hidden,
    feed_forward_length: model.ffn,
    "attention.head_count": model.heads,
    "attention.head_count_kv": model.kvHeads,
    [`attention.layer_norm_${norm === "rms" ? "rms_" : ""}epsilon`]: { real: 1e-5 },
    ...model.keys,
  };
  const entries = Object.entries(keys).map(([key, value]) => [`${architecture}.${key}`, entry(value)]);
  return { "general.architecture": entry(architecture), ...Object.fromEntries(entries) };
}

// Single bytes in GPT-2's alphabet, four merges, then control tokens: end, start and unused ones.
const merges = ["Ġ t", "h e", "i n", "e r"];
export const textTokens = 256 + merges.length;
const end = textTokens;
export const start = textTokens + 1;

function vocabularyOf({ encoder, sentencePiece }) {
  if (sentencePiece) return sentencePieceVocabulary();
  let others = 0x100;
  const letters = Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isPrintable(byte) ? byte : others++));
  const texts = [...letters, ...merges.map((merge) => merge.replace(" ", ""))];
  const controls = ["<|endoftext|>", "<|begin|>"];
  const unused = Array.from({ length: vocabulary - texts.length - controls.length }, (_, i) => `<|unused${i}|>`);
  const tokens = [...texts, ...controls, ...unused];
  return {
    "tokenizer.ggml.model": entry("gpt2"),
    "tokenizer.ggml.pre": entry("gpt-2"),
    "tokenizer.ggml.tokens": listOf(type.string, tokens.map(latin1)),
    "tokenizer.ggml.token_type": listOf(
      type.i32,
      tokens.map((_, id) => (id < textTokens ? 1 : 3)),
    ),
    "tokenizer.ggml.merges": listOf(type.string, merges.map(latin1)),
    "tokenizer.ggml.bos_token_id": entry(start),
    "tokenizer.ggml.eos_token_id": entry(end),
    ...(encoder && { "tokenizer.ggml.token_type_count": entry(2) }),
  };
}

// Characters and their merges in order of priority. "on" and "nd" compete, "é" is a letter, other characters are bytes.
const pieces =
  "the ▁the in er ▁a an on nd ▁t he re at ▁an ▁and ing ng is ▁is th or ▁of of ▁s st es ▁b be ed ll ▁▁ " +
  "▁ e t a o i n s r h d l é";

function sentencePieceVocabulary() {
  const controls = ["<unk>", "<s>", "</s>"];
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  const known = pieces.split(" ").slice(0, vocabulary - controls.length - bytes.length);
  const tokens = [...controls, ...bytes, ...known];
  const types = [2, 3, 3, ...bytes.map(() => 6), ...known.map(() => 1)];
  return {
    "tokenizer.ggml.model": entry("llama"),
    "tokenizer.ggml.tokens": listOf(type.string, tokens.map(latin1)),
    "tokenizer.ggml.scores": listOf(
      type.f32,
      tokens.map((_, id) => Math.min(0, controls.length + bytes.length - id)),
    ),
    "tokenizer.ggml.token_type": listOf(type.i32, types),
    "tokenizer.ggml.bos_token_id": entry(1),
    "tokenizer.ggml.eos_token_id": entry(2),
    "tokenizer.ggml.unknown_token_id": entry(0),
  };
}

function isPrintable(byte) {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

// ----------------------------------------------------------------------------------------------------------- tensors

function addVector(file, name, values) {
  file.tensors.push({ name, shape: [values.length], type: "F32", data: encode(Float32Array.from(values), "F32") });
}

/**
 * @param shape [columns, rows, experts?]
 * By default the output is somewhat larger than the input: attention is sharp, and each layer matters.
 */
function addMatrix(file, name, shape, { size = 1.4 / Math.sqrt(shape[0]), type = file.model.type } = {}) {
  const count = shape.reduce((product, dimension) => product * dimension, 1);
  const data = encode(
    randomValues(name, count).map((value) => value * size),
    type,
  );
  file.tensors.push(
    file.asFloats ? { name, shape, type: "F32", data: encode(decode(data, type), "F32") } : { name, shape, type, data },
  );
}

function addBias(file, name, size) {
  addVector(
    file,
    `${name}.bias`,
    randomValues(`${name}.bias`, size).map((value) => 0.3 * value),
  );
}

function addLinear(file, name, rows, columns, bias = false) {
  addMatrix(file, `${name}.weight`, [columns, rows]);
  if (bias) addBias(file, name, rows);
}

function addNorm(file, name, size, gain = 1) {
  addVector(
    file,
    `${name}.weight`,
    randomValues(`${name}.weight`, size).map((value) => gain * (1 + 0.2 * value)),
  );
  if (file.model.norm === "layer") addBias(file, name, size);
}

function addTensors(file) {
  const { model } = file;
  const { hidden } = model;
  addMatrix(file, "token_embd.weight", [hidden, vocabulary], { size: model.embedding });
  if (model.positions)
    addMatrix(file, "position_embd.weight", [hidden, contextLength], { size: model.embedding, type: "F32" });
  if (model.encoder) {
    addMatrix(file, "token_types.weight", [hidden, 2], { size: model.embedding, type: "F32" });
    addNorm(file, "token_embd_norm", hidden);
  } else {
    addNorm(file, model.outputNorm, hidden, outputGain(model));
  }
  if (!model.tied) addMatrix(file, "output.weight", [hidden, vocabulary], { size: spread / Math.sqrt(hidden) });
  for (const [name, values] of Object.entries(model.extra)) addVector(file, name, values);
  for (let layer = 0; layer < model.layers; ++layer) addBlock(file, layer);
}

function addBlock(file, layer) {
  const { before, after, encoder, hidden, convolutions } = file.model;
  const block = `blk.${layer}`;
  const parts = [
    {
      add: convolutions.includes(layer) ? addConvolution : addAttention,
      before: "attn_norm",
      after: "post_attention_norm",
      ofEncoder: "attn_output_norm",
    },
    { add: addFfn, before: "ffn_norm", after: "post_ffw_norm", ofEncoder: "layer_output_norm" },
  ];
  for (const part of parts) {
    if (before && !encoder) addNorm(file, `${block}.${part.before}`, hidden);
    part.add(file, block, layer);
    if (after) addNorm(file, `${block}.${part.after}`, hidden);
    if (encoder) addNorm(file, `${block}.${part.ofEncoder}`, hidden);
  }
}

/** A number that is the same in all layers, or that of one layer. */
const ofLayer = (value, layer) => (Array.isArray(value) ? value[layer] : value);

function addAttention(file, block, layer) {
  const { headWidth, hidden, qkvBias, qkNorm, ffnBias } = file.model;
  const q = ofLayer(file.model.heads, layer) * headWidth;
  const kv = ofLayer(file.model.kvHeads, layer) * headWidth;
  if (file.model.fusedQkv) {
    addLinear(file, `${block}.attn_qkv`, q + 2 * kv, hidden, qkvBias);
  } else {
    for (const [name, rows] of [
      ["attn_q", q],
      ["attn_k", kv],
      ["attn_v", kv],
    ])
      addLinear(file, `${block}.${name}`, rows, hidden, qkvBias);
  }
  if (qkNorm) {
    addNorm(file, `${block}.attn_q_norm`, qkNorm === "head" ? headWidth : q);
    addNorm(file, `${block}.attn_k_norm`, qkNorm === "head" ? headWidth : kv);
  }
  addLinear(file, `${block}.attn_output`, hidden, q, ffnBias);
}

function addConvolution(file, block) {
  const { hidden, keys } = file.model;
  addLinear(file, `${block}.shortconv.in_proj`, 3 * hidden, hidden);
  addMatrix(file, `${block}.shortconv.conv.weight`, [keys["shortconv.l_cache"], hidden], { type: "F32", size: 1 });
  addLinear(file, `${block}.shortconv.out_proj`, hidden, hidden);
}

function addFfn(file, block, layer) {
  const { experts, gate, hidden, ffnBias } = file.model;
  const ffn = ofLayer(file.model.ffn, layer);
  if (experts > 0) return addExperts(file, block);
  if (gate === "own") addLinear(file, `${block}.ffn_gate`, ffn, hidden);
  addLinear(file, `${block}.ffn_up`, gate === "fused" ? 2 * ffn : ffn, hidden, ffnBias);
  addLinear(file, `${block}.ffn_down`, hidden, ffn, ffnBias);
}

function addExperts(file, block) {
  const { experts, ffn, hidden, sharedFfn } = file.model;
  addMatrix(file, `${block}.ffn_gate_inp.weight`, [hidden, experts], { type: "F32" });
  addMatrix(file, `${block}.ffn_gate_exps.weight`, [hidden, ffn, experts]);
  addMatrix(file, `${block}.ffn_up_exps.weight`, [hidden, ffn, experts]);
  addMatrix(file, `${block}.ffn_down_exps.weight`, [ffn, hidden, experts]);
  if (sharedFfn === 0) return;
  addMatrix(file, `${block}.ffn_gate_inp_shexp.weight`, [hidden], { size: 1 / Math.sqrt(hidden), type: "F32" });
  addLinear(file, `${block}.ffn_gate_shexp`, sharedFfn, hidden);
  addLinear(file, `${block}.ffn_up_shexp`, sharedFfn, hidden);
  addLinear(file, `${block}.ffn_down_shexp`, hidden, sharedFfn);
}

/**
 * A norm's output is about 1: this scale of the head, or of a tied embedding, gives logits of standard deviation
 * `spread`.
 */
function outputGain({ embedding, hidden, tied, logitGain }) {
  return logitGain * (tied ? spread / (embedding * Math.sqrt(hidden)) : 1);
}

// ------------------------------------------------------------------------------------------------------------- files

/**
 * Writes <name>.gguf for each row into a folder. Returns the rows with `path`, `hash` (by which goldens identify the
 * file) and `floatsPath`, a file of the same weights as F32.
 */
export function makeModels(folder, chosen = rows) {
  mkdirSync(folder, { recursive: true });
  return chosen.map((row) => {
    const path = join(folder, `${row.name}.gguf`);
    const bytes = makeModel(row);
    writeFileSync(path, bytes);
    const floatsPath = row.type === "F32" ? path : join(folder, `${row.name}.floats.gguf`);
    if (floatsPath !== path) writeFileSync(floatsPath, makeModel(row, { asFloats: true }));
    return { ...row, path, floatsPath, hash: createHash("sha256").update(bytes).digest("hex").slice(0, 16) };
  });
}

if (isMain(import.meta.url)) {
  await runMain(([folder, ...names]) => {
    if (!folder) throw new Problem("usage: make-models.mjs OUT [names…]");
    const unknown = names.filter((name) => !rows.some((row) => row.name === name));
    if (unknown.length > 0)
      throw new Problem(`unknown rows: ${unknown.join(", ")}; known rows: ${rows.map(({ name }) => name).join(", ")}`);
    makeModels(folder, names.length > 0 ? rows.filter(({ name }) => names.includes(name)) : rows);
  });
}
