// Makes the seeds of the fuzzers, which are committed: node tests/fuzz/make-seeds.mjs
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { type, writeHeader } from "../bench/models/gguf.mjs";
import { randomFrom } from "./js/mutator.mjs";

const folder = fileURLToPath(new URL("seeds/", import.meta.url));
rmSync(folder, { recursive: true, force: true });

function write(harness, inputs) {
  mkdirSync(join(folder, harness), { recursive: true });
  inputs.forEach((bytes, i) => writeFileSync(join(folder, harness, String(i).padStart(2, "0")), bytes));
}

function randomBytes(seed, size, values = 256) {
  const pick = randomFrom(seed);
  return Buffer.from(Array.from({ length: size }, () => pick(values)));
}

/** A first byte, then changes of `width` bytes. */
const changes = (first, count, width) =>
  Buffer.concat([Buffer.from([first]), randomBytes(first * 1000 + count, count * width)]);

// Headers of GGUF files with each type of metadata.
const list = (element, value) => ({ type: type.array, element, value });
const metadata = {
  "general.architecture": { type: type.string, value: "llama" },
  "general.alignment": { type: type.u32, value: 32 },
  "llama.block_count": { type: type.u32, value: 1 },
  "llama.rope.freq_base": { type: type.f32, value: 10000 },
  "tokenizer.ggml.add_bos_token": { type: type.bool, value: 1 },
  "tokenizer.ggml.tokens": list(type.string, ["a", "b", "<|end|>"]),
  "tokenizer.ggml.token_type": list(type.i32, [1, 1, 3]),
  "tokenizer.ggml.scores": list(type.f32, [0, -1, -2]),
};
const tensor = (name, shape, kind, bytes) => ({ name, shape, type: kind, bytes });
const tensors = [
  tensor("token_embd.weight", [32, 3], 8, 102), // Q8_0
  tensor("output_norm.weight", [32], 0, 128), // F32
  tensor("blk.0.attn_q.weight", [256, 2], 12, 288), // Q4_K
];
const first = (count) => Object.fromEntries(Object.entries(metadata).slice(0, count));
write("fuzz_gguf", [
  writeHeader({}, []),
  writeHeader(first(2), tensors.slice(0, 1)),
  writeHeader(first(5), tensors.slice(0, 2)),
  writeHeader(metadata, []),
  writeHeader(metadata, tensors),
]);

// A model by its number, and no, few and many changes.
const models = Array.from({ length: 24 }, (_, i) => i);
write("fuzz_load", [
  ...models.map((model) => Buffer.from([model])),
  ...models.slice(0, 8).flatMap((model) => [3, 90].map((count) => changes(model, count, 4))),
]);
// A model in the remainder of 5. From 64 on the checksum is correct, from 128 on the size too, and the length (offset
// 28 of the header) can then change with the bytes of the text (offset 32).
const stateFlags = [0, 64, 125, 160].flatMap((flag) => [0, 1, 2, 3, 4].map((model) => flag + model));
const setByte = (at, value) => Buffer.from([at & 255, at >> 8, 0, value]);
write("fuzz_state", [
  ...stateFlags.flatMap((flags) => [0, 2].map((count) => changes(flags, count, 4))),
  ...[5, 20, 33, 64, 70].flatMap((length) =>
    [160, 161, 162].map((flags) =>
      Buffer.concat([Buffer.from([flags]), setByte(28, length), setByte(32, 4 * length), setByte(33, 0)]),
    ),
  ),
]);
// The flags are those of fuzz_sidecar.cpp: odd ones correct the checksum.
write(
  "fuzz_sidecar",
  [0, 1, 5, 9, 16, 225, 229].flatMap((flags) => [0, 1, 30].map((count) => changes(flags, count, 3))),
);
for (const [i, harness] of ["fuzz_tokenizer", "fuzz_vocabulary", "fuzz_stop_strings"].entries()) {
  const sizes = [20, 60, 150, 400, 900, 1500];
  write(
    harness,
    sizes.flatMap((size) => [256, 40].map((values) => randomBytes(i * 10000 + size + values, size, values))),
  );
}
// Changes of hashes and ranges by number.
write(
  "fuzz-blocks",
  Array.from({ length: 16 }, (_, i) => randomBytes(i, 8)),
);
// The choices of tokens, the grammar, and the kind of input: odd ones are GBNF, the others random trees.
const grammars = [
  'root ::= "a" | b*\nb ::= [a-c] "\\"" .',
  'root ::= (x | y){2,40}\nx ::= "(" x ")" | "ab"\ny ::= [^"\\n]{0,9} "1"',
  'root ::= <think> ("a"? "b"){3,} <[19]> | "{" s "}"\ns ::= "\\"" c* "\\""\nc ::= [^"\\\\] | "\\\\u" [0-9a-f]{4}',
  'root ::= s "b"\ns ::= "a" s s | "a" s | "a"',
  'root ::= [\\u00e4-\\U0001F600]+ # characters\n  | "\\x41" ("" | "\\n")',
  'root ::= ((("a"?){0,9}){0,9}"b"*)*',
  'root ::= list\nlist ::= item | item "," list\nitem ::= list? [0-9]',
];
write("fuzz_grammar", [
  ...grammars.map((gbnf, i) => Buffer.concat([randomBytes(i, 16), Buffer.from(gbnf), Buffer.from([1])])),
  ...[0, 1, 2, 3].map((i) => Buffer.concat([randomBytes(i, 24), Buffer.from([0])])),
]);
