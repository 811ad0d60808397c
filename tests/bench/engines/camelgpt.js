// Our engine as the benchmark drives it, in a page or in any other runtime: requests go in, measurements come out.
import { measureRoofline } from "../roofline/measure.js";

/** `{load, run, roofline}` over the class that this runtime's entry of the package exports, and what compiles a URL's or path's WebAssembly. */
export function camelgptEngine(CamelGPTInference, compile) {
  let model;
  return {
    /** `source`: a URL or a path. Where `epdp` prunes, the model is calibrated too. The answer says what runs, and on how many threads. */
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

    /** A prompt, `{ids, text}` of the same tokens, then so many greedy tokens. */
    async run({ prompt, tokens }) {
      const { usage, timings } = await model.stream(prompt.ids, { maxTokens: tokens, temperature: 0, ignoreEos: true });
      return {
        promptTokens: usage.promptTokens,
        promptMs: timings.prefillMs,
        generated: usage.completionTokens,
        decodeMs: timings.decodeMs,
      };
    },

    /** What these kernels reach here, without an engine around them. */
    async roofline({ source, kernels }) {
      return measureRoofline(await compile(source), kernels);
    },
  };
}
