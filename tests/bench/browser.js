// The browser's side of the benchmark: each engine loads once, then answers prompts one at a time.
import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

const engines = {
  async camelgpt({ model, flavour }) {
    const engine = await CamelGPTInference.load(new URL(model, location.href).href, { flavour, contextLength: 1024 });
    return async (prompt, tokens) => {
      const result = await engine.stream(prompt, { maxTokens: tokens, temperature: 0, ignoreEos: true });
      return {
        engine: result.engine,
        promptTokens: result.usage.promptTokens,
        prefill: result.timings.prefillTokensPerSecond,
        decode: result.timings.decodeTokensPerSecond,
        text: result.text,
      };
    };
  },
  async wllama({ model }) {
    const { Wllama } = await import("/peers/@wllama/wllama/esm/index.js");
    const wllama = new Wllama({ default: "/peers/@wllama/wllama/esm/wasm/wllama.wasm" }, { suppressNativeLog: true });
    await wllama.loadModelFromUrl(new URL(model, location.href).href, {
      n_threads: 1, n_ctx: 1024, n_batch: 512, n_gpu_layers: 0, useCache: false,
    });
    return async (prompt, tokens) => {
      const result = await wllama.createCompletion({
        prompt, max_tokens: tokens, temperature: 0, ignore_eos: true, cache_prompt: false,
      });
      return {
        promptTokens: result.timings.prompt_n,
        prefill: result.timings.prompt_per_second,
        decode: result.timings.predicted_per_second,
        text: result.choices[0].text,
      };
    };
  },
};

const loaded = new Map();

window.loadEngine = async (id, kind, options) => {
  loaded.set(id, await engines[kind](options));
};
window.runEngine = (id, prompt, tokens) => loaded.get(id)(prompt, tokens);
window.benchReady = true;
