// Runs the script in an edge function, with the options in the query. /shared asks a model that all requests share.
import { CamelGPTInference } from "@gpt-research/camelgpt-inference";
import { tryPackage } from "./script.mjs";

const shared = new CamelGPTInference();

export default {
  async fetch(request) {
    try {
      if (new URL(request.url).pathname === "/shared") {
        return Response.json(await shared.classify(await request.text(), { labels: ["negative", "positive"] }));
      }
      return Response.json(await tryPackage(CamelGPTInference, Object.fromEntries(new URL(request.url).searchParams)));
    } catch (error) {
      return new Response(error.stack, { status: 500 });
    }
  },
};
