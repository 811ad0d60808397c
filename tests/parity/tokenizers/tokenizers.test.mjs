// Compares our token ids with those of the reference tokenizers, for a real vocabulary of each kind: see
// vocabularies.py.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { ensurePackage } from "../../../scripts/lib/packages.mjs";
import { ensurePython } from "../../../scripts/lib/python.mjs";
import { repositoryRoot, run } from "../../../scripts/lib/run.mjs";
import { evaluationData } from "../lib.mjs";

const read = (path) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(readFileSync(path));
// C++ libraries would end the text at a zero byte.
const hard = read(join(repositoryRoot, "tests/data/tokenizer-hard.txt")).replaceAll("\0", "");
const sentences = JSON.parse(read(join(repositoryRoot, "tests/parity/minilm/texts.json")));

/** Random texts of characters that Unicode has had for a long time. */
function randomTexts(count) {
  const blocks = [
    [0x20, 0x7e],
    [0xa0, 0x24f],
    [0x300, 0x36f],
    [0x370, 0x3ff],
    [0x400, 0x45f],
    [0x5d0, 0x5ea],
    [0x621, 0x652],
    [0x905, 0x94d],
    [0xe01, 0xe3a],
    [0x1100, 0x11f9],
    [0x1e00, 0x1ef9],
    [0x2010, 0x2027],
    [0x20a0, 0x20ac],
    [0x3041, 0x30ff],
    [0x4e00, 0x9fa5],
    [0xac00, 0xd7a3],
    [0xf900, 0xfa2d],
    [0xff01, 0xff5e],
    [0x1f600, 0x1f64f],
    [0x20000, 0x2a6d6],
  ];
  let state = 1;
  const next = (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
  const run = () => {
    const [low, high] = blocks[next(blocks.length)];
    const characters = Array.from({ length: 1 + next(6) }, () => String.fromCodePoint(low + next(high - low + 1)));
    return characters.join("") + (next(3) === 0 ? " ".repeat(1 + next(3)) : "");
  };
  return Array.from({ length: count }, () => Array.from({ length: 1 + next(12) }, run).join(""));
}

const kinds = {
  "word-piece": { package: "minilm", parseSpecial: true },
  "sentence-piece": { package: "mistral-vocabulary", parseSpecial: true },
  "byte-chunks": { package: "gpt2-vocabulary", parseSpecial: false },
  unigram: { package: "xlm-roberta-vocabulary", parseSpecial: false },
};

describe("token ids with real vocabularies equal those of the reference", () => {
  for (const [kind, { package: key, parseSpecial }] of Object.entries(kinds)) {
    test(kind, async (t) => {
      const python = await ensurePython();
      const source = await ensurePackage(key);
      const script = join(repositoryRoot, "tests/parity/tokenizers/vocabularies.py");
      const folder = mkdtempSync(join(tmpdir(), "camelgpt-vocabulary-"));
      t.after(() => rmSync(folder, { recursive: true, force: true }));
      const [path, checked, out] = ["model.gguf", "texts.json", "result.json"].map((name) => join(folder, name));
      await run(python, [script, kind, source, "--gguf", path]);
      const model = await CamelGPTInference.load(path, { contextLength: 64 });
      t.after(() => model.dispose());

      const texts = [hard, ...hard.split("\n"), ...sentences, ...randomTexts(1000)].filter(Boolean);
      const { path: wikitext, skip } = evaluationData("wikitext2-test.txt");
      if (!skip) texts.push(...read(wikitext).split("\n").filter(Boolean));
      const ids = [];
      for (const text of texts) {
        const tokens = [...(await model.tokenize(text, { addSpecial: false, parseSpecial }))];
        // The ids of chunks are arbitrary: their bytes are compared.
        ids.push({
          text,
          ids: kind === "byte-chunks" ? await Promise.all(tokens.map((token) => model.detokenize([token]))) : tokens,
        });
      }
      writeFileSync(checked, JSON.stringify(ids));
      await run(python, [script, kind, source, "--check", checked, "--out", out]);
      const { tokens, wrong } = JSON.parse(readFileSync(out, "utf8"));
      t.diagnostic(`${texts.length} texts, ${tokens} tokens`);
      for (const { index, expected, found } of wrong.slice(0, 5))
        t.diagnostic(`${JSON.stringify(texts[index].slice(0, 60))}: ${found}, expected ${expected}`);
      assert.equal(wrong.length, 0);
    });
  }
});
