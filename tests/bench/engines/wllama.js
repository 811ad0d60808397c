// Adapter of wllama for the benchmark, in a page.

/** `{load, run}`, see camelgpt.js. `name`: the folder of the version in node_modules. */
export async function wllamaEngine(name) {
  const folder = `/peers/${name}/esm`;
  const { Wllama } = await import(`${folder}/index.js`);
  const wllama = new Wllama({ default: `${folder}/wasm/wllama.wasm` }, { suppressNativeLog: true });
  return {
    async load({ source, threads, contextLength }) {
      // Not loadModelFromUrl, which stores the file first: that takes longer and fails at the browser's quota.
      const file = await (await fetch(source)).blob();
      await wllama.loadModel([file], {
        n_threads: threads,
        n_ctx: contextLength,
        n_batch: 512,
        n_parallel: 1,
        n_gpu_layers: 0,
        warmup: false,
      });
      return { threads: wllama.getNumThreads(), settings: `llama.cpp ${Wllama.getLibllamaVersion()}` };
    },

    async run({ prompt, tokens }) {
      // A fixed word: wllama's answer fails on partial characters, which random weights often produce.
      const logitBias = [[prompt.ids[0], 1000]];
      const { timings } = await wllama.createCompletion({
        prompt: prompt.text,
        max_tokens: tokens,
        temperature: 0,
        ignore_eos: true,
        cache_prompt: false,
        logit_bias: logitBias,
      });
      return {
        promptTokens: timings.prompt_n,
        promptMs: timings.prompt_ms,
        generated: timings.predicted_n,
        decodeMs: timings.predicted_ms,
      };
    },
  };
}
