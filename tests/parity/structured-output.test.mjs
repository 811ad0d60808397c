// Answers by JSON schemas, of a real model and of a model with random weights, judged by Ajv: those that end are valid.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

import { modelPath } from "../web/lib/model.mjs";
import { tinyModel, tokenType } from "../web/lib/tiny-model.mjs";
import { answerSchemas } from "./answer-schemas.mjs";

const ajv = new Ajv({ strict: true, strictTypes: false, strictRequired: false, allErrors: true });
addFormats(ajv);
const cases = answerSchemas.map((each) => ({ ...each, isValid: ajv.compile(each.schema) }));

/** Answers each schema in turn and returns how many ended, and those that are not valid. */
async function answerAll(cases, count, answer) {
  let [ended, tokens, ms] = [0, 0, 0];
  const wrong = [];
  const unended = [];
  for (let i = 0; i < count; i++) {
    const { prompt, schema, isValid } = cases[i % cases.length];
    const { text, object, finishReason, usage, timings } = await answer(prompt, { type: "json", schema }, i);
    tokens += usage.completionTokens;
    ms += timings.decodeMs;
    if (finishReason !== "stop") {
      unended.push(prompt);
      continue;
    }
    ended++;
    if (!isValid(object)) wrong.push({ i, prompt, text, errors: ajv.errorsText(isValid.errors) });
  }
  return { ended, unended, wrong, tokens, perSecond: (1000 * tokens) / ms };
}

function report(t, count, { ended, unended, wrong, tokens, perSecond }) {
  const speed = `${tokens} tokens, ${perSecond.toFixed(1)} tokens/s`;
  t.diagnostic(`${ended} of ${count} answers ended, ${wrong.length} invalid, ${speed}`);
  for (const prompt of unended) t.diagnostic(`not ended: ${prompt}`);
}

describe("200 answers of SmolLM2-135M to schemas of 5 to 30 properties", () => {
  let model;
  before(async () => {
    model = await CamelGPTInference.load(modelPath, { contextLength: 2048 });
  });
  after(() => model.dispose());

  test("those that end are valid, and at least 190 end", async (t) => {
    const endingCases = cases.filter(({ isEndless }) => !isEndless);
    const result = await answerAll(endingCases, 200, (prompt, responseFormat, i) => {
      const messages = [{ role: "user", content: `${prompt} Answer in JSON.` }];
      return model.chat(messages, { responseFormat, maxTokens: 1500, seed: i });
    });
    report(t, 200, result);
    assert.deepEqual(result.wrong, []);
    assert.ok(result.ended >= 190, `${result.ended} ended`);
  });
});

describe("1,000 answers of models with random weights", () => {
  const pieces = [
    '{"',
    '":',
    '",',
    '":"',
    '","',
    '"}',
    "},",
    "[{",
    "}]",
    "]}",
    '"]',
    "true",
    "false",
    "null",
    ": ",
    ", ",
    "e+",
    ".5",
    "00",
    "\\u",
    "é",
    "日本",
  ];
  const extra = pieces.map((text) => [text, tokenType.userDefined]);

  for (const [name, tokens, count] of [
    ["bytes", [], 500],
    ["bytes and pieces of JSON", extra, 500],
  ]) {
    test(`those that end are valid: a vocabulary of ${name}`, async (t) => {
      const model = await CamelGPTInference.load(tinyModel(tokens, {}, { contextLength: 8192 }));
      const result = await answerAll(cases, count, (prompt, responseFormat, i) =>
        model.stream(prompt, { responseFormat, maxTokens: 8000, temperature: 1, topK: 0, topP: 1, minP: 0, seed: i }),
      );
      report(t, count, result);
      assert.deepEqual(result.wrong, []);
      assert.ok(result.ended > 0.9 * count, `${result.ended} ended`);
      await model.dispose();
    });
  }
});
