// Runs the script in a shared worker: receives options, posts the results.
import { CamelGPTInference } from "/package/browser.js";
import { camelgpt } from "/package/ai-sdk.js";
import { createOpenAI } from "/package/openai.js";
import { createLanguageModel } from "/package/prompt-api.js";
import { tryPackage } from "./script.mjs";

const adapters = { camelgpt, createOpenAI, createLanguageModel };

globalThis.onconnect = ({ ports: [port] }) => {
  port.onmessage = ({ data }) =>
    tryPackage(CamelGPTInference, adapters, data).then(
      (answer) => port.postMessage(answer),
      (error) => port.postMessage(String(error)),
    );
};
