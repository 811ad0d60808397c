// Options of a generation: their types, their rules, and their conversion to parameters of the engine.
import { type GenerationOptions, generationOptionsRules } from "../../../web/engine/records.js";
import type { GenerateParams } from "../../../web/tasks/params.js";
import type { GenerationReport, PrefillProgress, ResponseFormat, StepActivity } from "../../../web/types.js";
import { checkOptions, checkPrompt, flag, isRecord, ofType, signal, text, texts } from "../check-options.js";
import { type Limits, limitGeneration } from "./limits.js";
import { callback, integer, largest, rulesOf } from "./rules.js";

/** Options of one generation. docs/options.md lists them and the order in which the samplers apply. */
export interface GenerateOptions<F extends ResponseFormat = ResponseFormat> extends Partial<GenerationOptions> {
  /**
   * The format of the answer: JSON, by a schema or any, a regular expression, one of several texts, or a grammar.
   * @default { type: "text" }
   */
  responseFormat?: F | undefined;
  /**
   * Added to the logits of tokens; `-Infinity` forbids a token. A key of digits is a token id; any other key is a text
   * that is one token, such as `" Paris"` or `"<|im_end|>"`. A text of several tokens is refused, with its tokens.
   */
  logitBias?: Readonly<Record<number | string, number>>;
  /** The answer ends before the first of these texts. They may span tokens. */
  stop?: string | readonly string[];
  /**
   * Only calls with the same text here share cached prefixes: give each tenant its own, so that the time of an answer
   * tells nothing about the prompts of others.
   */
  cacheSalt?: string;
  /** Aborts this call. */
  signal?: AbortSignal;
  /** Called while the prompt is evaluated: at the beginning, and after every 64 tokens or less. */
  onProgress?: (progress: PrefillProgress) => void;
  /** Called for each token with the work that chose it. Not for masked and byte-level models. */
  onActivity?: (activity: StepActivity) => void;
  /**
   * Add the special tokens that the model expects around a text, such as a beginning-of-text token.
   * @default true
   */
  addSpecial?: boolean;
  /**
   * Read special tokens written in the prompt (`<|im_end|>`) as tokens. Set this to false for untrusted text.
   * @default true
   */
  parseSpecial?: boolean;
  /**
   * Answers to generate, with the seeds `seed`, `seed + 1` and so on; `choices` of the result has all of them. The
   * prompt is evaluated once. The stream is the text of the first answer. At a `temperature` of 0 all are the same.
   * @default 1
   */
  n?: number;
  /**
   * Begin the text of the answer with the prompt.
   * @default false
   */
  echo?: boolean;
  /**
   * The text after a gap: the answer fills the gap between the prompt and this text. For models that were trained to
   * fill in the middle.
   */
  suffix?: string;
}

/** Rules of the options of one answer. */
export const answerRules = {
  ...rulesOf(generationOptionsRules),
  // The code of formats, which the first one loads, checks the rest.
  responseFormat: ofType('a format such as { type: "json" }', isRecord),
  logitBias: ofType("an object of token ids or texts, and numbers below Infinity", isLogitBias),
  stop: texts,
  cacheSalt: text,
  signal,
  onProgress: callback,
  onActivity: callback,
};
export const countRule = integer(1, largest);
/** Rules of the options whose code is loaded by the first call that has one. */
export const extraRules = { n: countRule, echo: flag, suffix: text };
const generateRules = { ...answerRules, addSpecial: flag, parseSpecial: flag, ...extraRules };

function isLogitBias(value: unknown): boolean {
  return (
    isRecord(value) &&
    Object.entries(value).every(
      ([token, bias]) => token !== "" && text.test(token) && typeof bias === "number" && bias < Infinity,
    )
  );
}

/** Errors: `bad-option`, `bad-input`. */
export function generateParams(
  prompt: string | readonly number[],
  options: GenerateOptions | undefined,
  limits: Limits | undefined,
): GenerateParams {
  checkPrompt(prompt);
  const checked = checkOptions("generation", options, generateRules);
  const {
    stop = [],
    logitBias = {},
    addSpecial = true,
    parseSpecial = true,
    cacheSalt,
    signal: _,
    onProgress,
    onActivity,
    responseFormat: _format,
    n: _n,
    echo: _echo,
    suffix: _suffix,
    ...sampling
  } = checked;
  const params = {
    prompt,
    addSpecial,
    parseSpecial,
    sampling: { ...sampling, seed: sampling.seed ?? randomSeed() },
    stop: typeof stop === "string" ? [stop] : stop,
    logitBias: Object.entries(logitBias).map(([token, bias]) => [tokenOf(token), bias] as const),
    cacheSalt,
    reportsProgress: onProgress !== undefined,
    reportsActivity: onActivity !== undefined,
  };
  limitGeneration(limits, params);
  return params;
}

/** Passes the events of a generation to their callbacks. */
export function reporter(
  { onProgress, onActivity }: Pick<GenerateOptions, "onProgress" | "onActivity"> = {},
  onText?: (text: string) => void,
) {
  return (event: string | GenerationReport) => {
    if (typeof event === "string") onText?.(event);
    else if (event.phase === "prefill") onProgress?.(event);
    else onActivity?.(event);
  };
}

function tokenOf(key: string): number | string {
  return /^\d{1,9}$/.test(key) ? Number(key) : key;
}

export function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}
