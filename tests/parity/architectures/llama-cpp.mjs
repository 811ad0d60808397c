// Evaluates small models in the llama.cpp of the benchmarks.
import assert from "node:assert/strict";
import { ensurePeers } from "../../../scripts/lib/peers.mjs";
import { maxTokens, texts, tokens } from "../../architectures/compare.mjs";
import { askProcess } from "../ask-process.mjs";

/**
 * `{version, answers}`, see ask-llama-cpp.mjs. Each model must load. llama.cpp evaluates the weights as floats: with
 * other types it rounds activations.
 */
export async function askLlamaCpp(rows) {
  const { modules, versions } = await ensurePeers();
  const models = rows.map(({ floatsPath, encoder, tokenizes }) => ({
    path: floatsPath,
    encoder,
    tokens,
    maxTokens,
    ...(tokenizes && { texts }),
  }));
  const { release, answers } = await askProcess("architectures/ask-llama-cpp.mjs", { models }, { args: [modules] });
  answers.forEach(({ error }, i) => assert.equal(error, undefined, `llama.cpp loads ${rows[i].name}`));
  return { version: `llama.cpp ${release} (node-llama-cpp ${versions["node-llama-cpp"]})`, answers };
}
