// Runs the script in an edge function, with the options in the query. /shared asks a model that all requests share.
import { CamelGPTInference } from "@gpt-research/camelgpt-inference";
import { camelgpt } from "@gpt-research/camelgpt-inference/ai-sdk";
import { createOpenAI } from "@gpt-research/camelgpt-inference/openai";
import { createLanguageModel } from "@gpt-research/camelgpt-inference/prompt-api";
import { tryPackage } from "./script.mjs";

const adapters = { camelgpt, createOpenAI, createLanguageModel };

const shared = new CamelGPTInference();

export default {
  async fetch(request) {
    try {
      if (new URL(request.url).pathname === "/shared") {
        return Response.json(await shared.classify(await request.text(), { labels: ["negative", "positive"] }));
      }
      const options = Object.fromEntries(new URL(request.url).searchParams);
      return Response.json(await tryPackage(CamelGPTInference, adapters, options));
    } catch (error) {
      return new Response(error.stack, { status: 500 });
    }
  },
};
