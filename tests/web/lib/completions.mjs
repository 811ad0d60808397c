// Shared by the tests of OpenAI's API.
import assert from "node:assert/strict";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";
import { createOpenAI } from "@gpt-research/camelgpt-inference/openai";
import OpenAI from "openai";

import { modelPath } from "./model.mjs";

/** The test model, OpenAI's objects for it, and the client of the `openai` package on top of them. */
export async function openModel() {
  const model = await CamelGPTInference.load(modelPath, { contextLength: 1024 });
  const local = createOpenAI(model, { name: "smollm2" });
  const baseURL = "http://local.invalid/v1";
  return { model, local, client: new OpenAI({ apiKey: "none", baseURL, fetch: local.fetch, maxRetries: 0 }) };
}

/** Reads a stream of chunks. */
export async function all(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

/** Checks that a call fails with this status and field. Returns the error. */
export async function failsWith(status, param, call) {
  const error = await call.then(
    () => assert.fail("expected an error"),
    (error) => error,
  );
  assert.deepEqual({ status: error.status, param: error.param }, { status, param }, error.message);
  return error;
}
