// Sessions of the Prompt API over a stand-in for the model. tests/web/chromium runs them with a model.
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { importSource } from "../lib/source.mjs";

const { createLanguageModel } = await importSource("npm/src/prompt-api/prompt-api.ts");

/** Answers every prompt with one piece. */
function modelOf(sampling = {}) {
  const chat = {
    messages: [],
    contextUsed: 0,
    contextWindow: 100,
    clone: () => chat,
    append: async () => {},
    regenerate: () => ({
      async *[Symbol.asyncIterator]() {
        yield "yes";
      },
      then: (resolve) => resolve({ text: "yes", finishReason: "stop" }),
    }),
  };
  const model = { load: async () => model, info: async () => ({ sampling }), createChat: () => chat };
  return model;
}

describe("the Prompt API", () => {
  test("a stream that is cancelled at the last piece ends without an error", async () => {
    const session = await createLanguageModel(modelOf()).create();
    for await (const piece of session.promptStreaming("?")) {
      assert.equal(piece, "yes");
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 20)); // an unhandled rejection fails the test
  });

  test("topK and temperature of the settings replace the model's own", async () => {
    const LanguageModel = createLanguageModel(modelOf({ topK: 20, temperature: 0.6 }), { chat: { temperature: 0.2 } });
    const { defaultTopK, defaultTemperature } = await LanguageModel.params();
    assert.deepEqual([defaultTopK, defaultTemperature], [20, 0.2]);
    assert.equal((await LanguageModel.create()).temperature, 0.2);
    assert.equal((await LanguageModel.create({ topK: 5, temperature: 1 })).temperature, 1);
  });

  test("a load that fails is tried again", async () => {
    let loads = 0;
    const LanguageModel = createLanguageModel(() => {
      if (++loads === 1) throw new Error("no network");
      return modelOf();
    });
    const [first, second] = await Promise.allSettled([LanguageModel.create(), LanguageModel.create()]);
    assert.deepEqual([first.status, second.status], ["rejected", "rejected"]);
    assert.equal(await LanguageModel.availability(), "downloadable");
    await LanguageModel.create();
    assert.equal(loads, 2);
  });
});
