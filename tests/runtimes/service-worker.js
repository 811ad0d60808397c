// Runs the script in a service worker: receives options, posts the results.
import { CamelGPTInference } from "/package/service-worker.js";
import { camelgpt } from "/package/ai-sdk.js";
import { createOpenAI } from "/package/openai.js";
import { createLanguageModel } from "/package/prompt-api.js";
import { tryPackage } from "./script.mjs";

const adapters = { camelgpt, createOpenAI, createLanguageModel };

globalThis.onmessage = (event) => {
  const answer = (result) => event.source.postMessage(result);
  event.waitUntil(tryPackage(CamelGPTInference, adapters, event.data).then(answer, (error) => answer(String(error))));
};
