// Adapter of our engine for the benchmark, in a page or any other runtime.
import { measureRoofline } from "../roofline/measure.js";
import { measureAnswer } from "./answers.js";

/**
 * `{load, run, answer, loadEncoder, embed, roofline}` for the class exported by this runtime's entry of the package.
 * `compile` compiles the WebAssembly of a URL or path.
 */
export function camelgptEngine(CamelGPTInference, compile) {
  let model;
  return {
    /**
     * `source`: a URL or a path. If `epdp` prunes, the model is calibrated too. The answer has the actual settings and
     * threads.
     */
    async load({ source, flavour, epdp = "off", threads, contextLength }) {
      model = await CamelGPTInference.load(source, { flavour, contextLength, threads, epdp });
      if (epdp !== "off") await model.calibrate();
      const { engine } = await model.info();
      return {
        flavour: engine.flavour,
        threads: engine.threads,
        settings: [engine.kernels, ...engine.notes].join("; "),
      };
    },

    /** Evaluates a prompt, `{ids, text}` of the same tokens, then generates a number of greedy tokens. */
    async run({ prompt, tokens }) {
      const { usage, timings } = await model.stream(prompt.ids, { maxTokens: tokens, temperature: 0, ignoreEos: true });
      return {
        promptTokens: usage.promptTokens,
        promptMs: timings.prefillMs,
        generated: usage.completionTokens,
        decodeMs: timings.decodeMs,
      };
    },

    /**
     * Evaluates a prompt, then measures its greedy answer, of at most `tokens` tokens: JSON by `schema`, or without one
     * a text of exactly that length.
     */
    async answer({ prompt, schema, tokens }) {
      await model.stream(prompt, { maxTokens: 1, temperature: 0 });
      const options = schema ? { responseFormat: { type: "json", schema } } : { ignoreEos: true };
      return measureAnswer(async () => {
        const { text, usage } = await model.stream(prompt, { maxTokens: tokens, temperature: 0, ...options });
        return { text, tokens: usage.completionTokens };
      });
    },

    async loadEncoder({ source, flavour, threads }) {
      return this.load({ source, flavour, threads });
    },

    /** Embeds texts in one call. */
    async embed({ texts }) {
      return measureAnswer(async () => ({ vector: [...(await model.embed(texts)).at(-1)] }));
    },

    /** The roofline of these kernels here, without the engine. */
    async roofline({ source, kernels }) {
      return measureRoofline(await compile(source), kernels);
    },
  };
}
