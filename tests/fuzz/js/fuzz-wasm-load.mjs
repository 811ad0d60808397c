// Changed model files through the built package: they load and answer, or the error is typed. No trap, no hang, and no
// more memory than the size of the file explains. Some engines run out of memory early.
import { readFileSync } from "node:fs";

import { forgetMemories, requireMemory } from "./memory.mjs";
import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { repositoryRoot } from "../../../scripts/lib/run.mjs";
import { makeModel } from "../../architectures/make-models.mjs";
import { rows } from "../../architectures/rows.mjs";
import { tinyModel, tokenType } from "../../web/lib/tiny-model.mjs";
import { committedSeeds, outcomeOf, runHarness } from "./harness.mjs";

const maxBytes = 256 << 10; // of the models that are changed
const fixedMemory = 64 << 20;

const specials = [
  ["<|im_start|>", tokenType.control],
  ["<|im_end|>", tokenType.control],
  ["the", tokenType.normal],
  ["<tool>", tokenType.userDefined],
];

const seeds = () => [
  ...committedSeeds("fuzz-wasm-load"),
  tinyModel(),
  tinyModel(specials, { "tokenizer.ggml.bos_token_id": 256, "tokenizer.chat_template": "{{ messages[0].content }}" }),
  readFileSync(`${repositoryRoot}/models/camelgpt-mini/camelgpt-mini.gguf`),
  ...rows.map((row) => makeModel(row)).filter(({ length }) => length <= maxBytes),
];

const keys = [
  "block_count",
  "context_length",
  "embedding_length",
  "feed_forward_length",
  "attention.head_count",
  "attention.head_count_kv",
  "attention.key_length",
  "attention.sliding_window",
  "rope.dimension_count",
  "expert_count",
  "vocab_size",
];
const dictionary = [
  "GGUF",
  ...keys,
  ...["llama", "gpt2", "gemma3", "qwen3", "lfm2", "stlm", "bert", "t5"],
  ...["tokenizer.ggml.model", "tokenizer.ggml.pre", "tokenizer.ggml.tokens", "tokenizer.ggml.merges", "split.count"],
  ...["general.alignment", "general.architecture", "token_embd.weight", "output.weight", "blk.0.attn_q.weight"],
];

/** The size of the header, about: the texts of tensors' names come last. */
const headerOf = (bytes) => Math.min(bytes.length, bytes.lastIndexOf("weight") + 64);

await runHarness({
  url: import.meta.url,
  seeds,
  dictionary,
  first: headerOf,
  async execute(input, pick) {
    forgetMemories(pick(4) === 0 ? 64 + pick(64) : undefined); // the engine needs 64 to start
    const options = { worker: false, contextLength: 64, kvCache: pick(2) ? "q16" : "q8", threads: 1 };
    const model = new CamelGPTInference(new Uint8Array(input), options);
    let outcome = "";
    const tried = async (name, work) => {
      try {
        await work();
        outcome += ` ${name}`;
      } catch (error) {
        outcome += ` ${outcomeOf(error)}`;
      }
    };
    try {
      await model.load();
    } catch (error) {
      outcome = outcomeOf(error);
      await model.dispose();
      requireMemory(fixedMemory + 4 * input.length);
      return outcome;
    }
    await tried("tokens", async () => model.detokenize(await model.tokenize("The <|im_end|> caf\u00e9 \u4e2d 123\n")));
    await tried("text", () => model.generateText("Hello", { maxTokens: 3, ignoreEos: true }));
    if (pick(4) === 0) await tried("chat", () => model.chat([{ role: "user", content: "Hi" }], { maxTokens: 2 }));
    if (pick(4) === 0) await tried("score", () => model.score("The sea"));
    if (pick(4) === 0) await tried("embed", () => model.embed("The sea"));
    if (pick(4) === 0) await tried("state", async () => model.loadState(await model.saveState()));
    requireMemory(fixedMemory + 16 * input.length);
    await model.dispose();
    return outcome;
  },
});
