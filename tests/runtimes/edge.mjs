// The script in an edge function: the address's query has what it needs.
import { CamelGPTInference } from "@gpt-research/camelgpt-inference";
import { tryPackage } from "./script.mjs";

export default {
  async fetch(request) {
    try {
      return Response.json(await tryPackage(CamelGPTInference, Object.fromEntries(new URL(request.url).searchParams)));
    } catch (error) {
      return new Response(error.stack, { status: 500 });
    }
  },
};
