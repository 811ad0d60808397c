// The table of small models: every architecture with the tensors and keys that llama.cpp requires, in sizes that expose
// mistakes. make-models.mjs writes the files.

/** A float key of the file whose value may look like an integer. */
export const real = (value) => ({ real: value });

const usual = {
  keys: {}, // "<architecture>.<key>", in addition to those of all files
  type: "F32", // of matrices; vectors, positions and routers are F32
  layers: 3,
  hidden: 128,
  heads: 4, // or an array with a number for each layer, as kvHeads and ffn
  kvHeads: 2,
  headWidth: 32,
  ffn: 160,
  experts: 0,
  sharedFfn: 0, // of the expert that is always active
  norm: "rms", // or "layer", with a bias
  before: true, // norms before attention and feed-forward network
  after: false, // norms after them, before the residual sums
  qkNorm: "", // "head": one for all heads, "all": across them
  qkvBias: false,
  fusedQkv: false,
  gate: "own", // or "fused" with ffn_up, or "" for none
  ffnBias: false, // also of attn_output
  tied: true,
  positions: false,
  sentencePiece: false, // instead of byte-level BPE
  tokenizes: false, // whether texts are tokenized too
  convolutions: [], // layers with a short convolution in place of attention
  outputNorm: "output_norm",
  encoder: false, // norms come after the residual sums, and there are token types
  embedding: 0.2, // standard deviation of the embedding
  logitGain: 1, // compensates the norm before the head
  extra: {}, // vectors: name → values
};

// A family is one row of docs/models.md.
const row = (name, architecture, differences = {}) => ({
  ...usual,
  name,
  architecture,
  family: architecture,
  ...differences,
});

const base = (value) => ({ "rope.freq_base": real(value) });
const heads = { "attention.key_length": 32, "attention.value_length": 32 }; // if wider than hidden / heads
const experts = { expert_count: 4, expert_used_count: 2 };
const expertsOf96 = { ...experts, expert_feed_forward_length: 96 };
// The embedding is multiplied by √hidden.
const gemma = { hidden: 96, embedding: 0.03 };
// Five layers with the window and the base 10000, one without a window and with the file's base.
const gemma3 = {
  ...gemma,
  keys: { ...heads, ...base(1e6), "attention.sliding_window": 16 },
  layers: 6,
  after: true,
  qkNorm: "head",
};
// llama.cpp does not apply phi3's window, so this one exceeds the context.
const phi3 = {
  keys: { "rope.dimension_count": 32, "attention.sliding_window": 2047, "rope.scaling.original_context_length": 256 },
  fusedQkv: true,
  gate: "fused",
  tied: false,
};
// Factors for a short and for a long context. The context of all models is 256.
const ramp = (end) => Array.from({ length: 16 }, (_, i) => 1 + ((end - 1) * i) / 15);
const longRope = (original, keys = {}) => ({
  keys: { "rope.scaling.original_context_length": original, "rope.scaling.attn_factor": real(1.19), ...keys },
  extra: { "rope_factors_short.weight": ramp(1.3), "rope_factors_long.weight": ramp(30) },
});
const yarn = (factor, original, keys = {}) => ({
  "rope.scaling.type": "yarn",
  "rope.scaling.factor": real(factor),
  "rope.scaling.original_context_length": original,
  ...keys,
});
// Four layers convolve over three positions, among them the first and the last.
const lfm2 = {
  keys: { ...base(1e6), "shortconv.l_cache": 3, "attention.head_count_kv": [0, 0, 2, 0, 2, 0] },
  layers: 6,
  convolutions: [0, 1, 3, 5],
  qkNorm: "head",
  outputNorm: "token_embd_norm",
};
// Whole blocks of 256 columns.
const wide = { layers: 2, hidden: 256, heads: 8, ffn: 256 };
const encoder = { "attention.causal": false, pooling_type: 1 };

export const rows = [
  row("llama", "llama", { tokenizes: true }),
  row("llama-f16", "llama", { type: "F16" }),
  row("llama-q8_0", "llama", { type: "Q8_0" }),
  row("llama-q4_0", "llama", { type: "Q4_0" }),
  row("llama-sentencepiece", "llama", { sentencePiece: true, tokenizes: true }),
  row("llama-untied", "llama", { tied: false }),
  row("llama-rope-freqs", "llama", {
    extra: { "rope_freqs.weight": Array.from({ length: 16 }, (_, i) => 8 ** (i / 15)) },
  }),
  row("llama-rope-linear", "llama", { keys: { "rope.scaling.type": "linear", "rope.scaling.factor": real(2) } }),
  row("llama-rope-factor", "llama", { keys: { "rope.scaling.factor": real(4) } }), // without a type
  row("llama-rope-old-factor", "llama", { keys: { "rope.scale_linear": real(3) } }),
  row("llama-rope-none", "llama", { keys: { "rope.scaling.type": "none", "rope.scaling.factor": real(4) } }),
  row("llama-attn-factor", "llama", { keys: { "rope.scaling.attn_factor": real(1.3) } }),
  row("llama-yarn", "llama", { keys: yarn(4, 64) }),
  row("llama-yarn-rope-freqs", "llama", {
    keys: yarn(4, 64, { "rope.scaling.attn_factor": real(1.2) }),
    extra: { "rope_freqs.weight": ramp(8) },
  }),
  row("llama-longrope", "llama", longRope(64, { "rope.scaling.type": "longrope", "rope.scaling.factor": real(2) })),
  row("llama-arrays", "llama", {
    keys: {
      feed_forward_length: [160, 160, 160],
      "attention.head_count": [4, 4, 4],
      "attention.head_count_kv": [2, 2, 2],
    },
  }),
  row("llama-deep", "llama", { layers: 12, hidden: 144, heads: 9, kvHeads: 3, headWidth: 16 }), // like MobileLLM
  // Mistral's window, which llama.cpp does not apply.
  row("llama-window", "llama", { keys: { "attention.sliding_window": 16 } }),
  row("llama-moe", "llama", { family: "llama with experts", keys: experts, experts: 4, tied: false }),
  row("llama-moe-q8_0", "llama", {
    family: "llama with experts",
    keys: experts,
    experts: 4,
    tied: false,
    type: "Q8_0",
  }),
  row("llama-iq4_xs", "llama", { ...wide, type: "IQ4_XS" }),
  row("llama-iq3_s", "llama", { ...wide, type: "IQ3_S", tied: false }),
  row("llama-moe-mxfp4", "llama", {
    family: "llama with experts",
    keys: experts,
    experts: 4,
    tied: false,
    type: "MXFP4",
  }),
  row("qwen2", "qwen2", { keys: base(1e6), qkvBias: true }),
  row("qwen2-q8_0", "qwen2", { keys: base(1e6), qkvBias: true, type: "Q8_0" }),
  row("qwen2-yarn", "qwen2", { keys: { ...base(1e6), ...yarn(4, 128) }, qkvBias: true }),
  row("qwen3-yarn", "qwen3", {
    // llama.cpp does not read the limits of the ramp from files of this architecture.
    keys: { ...heads, ...base(1e6), ...yarn(8, 32, { "rope.scaling.yarn_beta_fast": real(8) }) },
    hidden: 96,
    qkNorm: "head",
  }),
  row("qwen3", "qwen3", { keys: { ...heads, ...base(1e6) }, hidden: 96, qkNorm: "head" }),
  row("gemma", "gemma", { ...gemma, keys: heads, kvHeads: 1 }),
  row("gemma2", "gemma2", {
    ...gemma,
    after: true,
    keys: {
      ...heads,
      "attention.sliding_window": 16,
      attn_logit_softcapping: real(5),
      final_logit_softcapping: real(10),
    },
  }),
  row("gemma3", "gemma3", gemma3),
  row("gemma3-q4_0", "gemma3", { ...gemma3, type: "Q4_0" }),
  row("gemma3-linear", "gemma3", {
    ...gemma3,
    keys: { ...gemma3.keys, "rope.scaling.factor": real(8), "rope.scaling.attn_factor": real(1.2) },
  }),
  row("gemma3-yarn", "gemma3", { ...gemma3, keys: { ...gemma3.keys, ...yarn(8, 64) } }),
  row("phi3", "phi3", phi3),
  row("phi3-attn-factor", "phi3", { ...phi3, keys: { ...phi3.keys, "rope.scaling.attn_factor": real(1.19) } }),
  row("phi3-short", "phi3", { ...phi3, ...longRope(256, { ...phi3.keys, "rope.scaling.attn_factor": real(1.19) }) }),
  row("phi3-long", "phi3", {
    ...phi3,
    ...longRope(64, { "rope.dimension_count": 32, "attention.sliding_window": 2047 }),
  }),
  row("phi3-q8_0", "phi3", { ...phi3, type: "Q8_0" }),
  row("gpt2", "gpt2", {
    norm: "layer",
    kvHeads: 4,
    fusedQkv: true,
    qkvBias: true,
    gate: "",
    ffnBias: true,
    positions: true,
  }),
  row("stablelm", "stablelm", {
    keys: { "rope.dimension_count": 8, use_parallel_residual: false },
    norm: "layer",
    qkvBias: true,
    tied: false,
  }),
  row("olmo2", "olmo2", { keys: base(5e5), before: false, after: true, qkNorm: "all", tied: false }),
  row("granite", "granite", {
    keys: { embedding_scale: real(3), residual_scale: real(0.6), "attention.scale": real(0.3), logit_scale: real(2) },
    logitGain: 2,
  }),
  row("openelm", "openelm", {
    keys: heads,
    heads: [2, 4, 6],
    kvHeads: [1, 1, 3],
    ffn: [96, 160, 256],
    fusedQkv: true,
    qkNorm: "head",
  }),
  row("minicpm-longrope", "minicpm", {
    logitGain: 2,
    ...longRope(64, {
      embedding_scale: real(3),
      residual_scale: real(0.6),
      logit_scale: real(2),
      "rope.scaling.type": "longrope",
    }),
  }),
  row("minicpm", "minicpm", {
    keys: { embedding_scale: real(3), residual_scale: real(0.6), logit_scale: real(2) },
    logitGain: 2,
  }),
  row("chatglm", "chatglm", {
    keys: { "rope.dimension_count": 16 },
    fusedQkv: true,
    qkvBias: true,
    gate: "fused",
    tied: false,
  }),
  row("smollm3", "smollm3", { keys: base(5e6), layers: 4 }), // the fourth has no rope
  row("qwen2moe", "qwen2moe", {
    keys: { ...expertsOf96, expert_shared_feed_forward_length: 128 },
    ffn: 96,
    experts: 4,
    sharedFfn: 128,
    qkvBias: true,
    tied: false,
  }),
  row("qwen3moe", "qwen3moe", {
    keys: { ...expertsOf96, ...heads },
    hidden: 96,
    ffn: 96,
    experts: 4,
    qkNorm: "head",
    tied: false,
  }),
  row("olmoe", "olmoe", { keys: experts, experts: 4, kvHeads: 4, qkNorm: "all", tied: false }),
  row("lfm2", "lfm2", lfm2),
  row("lfm2-q8_0", "lfm2", { ...lfm2, type: "Q8_0" }),
  row("bert", "bert", {
    keys: encoder,
    norm: "layer",
    kvHeads: 4,
    qkvBias: true,
    gate: "",
    ffnBias: true,
    positions: true,
    encoder: true,
  }),
  row("nomic-bert", "nomic-bert", {
    keys: { ...encoder, ...base(1000) },
    norm: "layer",
    kvHeads: 4,
    fusedQkv: true,
    encoder: true,
  }),
];
