// Options of the calls that decide: their types, their rules, and their defaults. The functions throw `bad-option` and
// `bad-input`.
import { CamelGPTError } from "../../../web/errors.js";
import type { TextsProgress } from "../../../web/types.js";
import { checkOptions, checkText, flag, ofType, signal, text, texts, wrongKind } from "../check-options.js";
import { type Limits, refuseAbove } from "./limits.js";
import { callback, integer } from "./rules.js";

interface DecideOptions {
  /**
   * Whether the prompt is a message to which the model answers, in the form of its chat template. `false`: the model
   * continues the prompt.
   * @default true if the model has a chat template
   */
  chat?: boolean;
  /** Aborts this call. */
  signal?: AbortSignal;
}

/** Options of `classify`. */
export interface ClassifyOptions<Label extends string = string> extends DecideOptions {
  /** The labels to choose from: at least 2, and at most as many as the load option `limits.labels`, 64 by default. */
  labels: readonly Label[];
  /**
   * The prompt, to which the model answers with a label. It contains `{text}`, and optionally `{labels}`. Texts share
   * the evaluation of the template before `{text}`.
   * @default the template with which the model was trained for these labels, or a general question
   */
  template?: string;
  /**
   * Calibrate: divide the probability of each label by its probability for a text without content, since models prefer
   * some labels whatever the text is (contextual calibration, Zhao et al. 2021). The latter is computed once for each
   * set of labels.
   * @default true, unless the model was trained for these labels
   */
  prior?: boolean;
  /** Called after each text. */
  onProgress?: (progress: TextsProgress) => void;
}

/** Options of `choose`. */
export interface ChooseOptions extends DecideOptions {}

/** Options of `yesNo`. */
export interface YesNoOptions extends DecideOptions {
  /** The subject of the question, a text for example. It precedes the question. */
  context?: string;
}

/** Options of `rate`. */
export interface RateOptions extends DecideOptions {
  /**
   * The least number, a whole one.
   * @default 1
   */
  from?: number;
  /**
   * The largest number. There are at most as many numbers as the load option `limits.labels`.
   * @default 5
   */
  to?: number;
}

const decideRules = { chat: flag, signal };
const labelsRule = ofType("an array of at least 2 different texts, none of them empty", isLabels);
const classifyRules = {
  ...decideRules,
  labels: labelsRule,
  template: ofType("a text with {text} in it", (value) => text.test(value) && (value as string).includes("{text}")),
  prior: flag,
  onProgress: callback,
};
const yesNoRules = { ...decideRules, context: text };
const bound = integer(-1e6, 1e6);
const rateRules = { ...decideRules, from: bound, to: bound };

function isLabels(value: unknown): boolean {
  return Array.isArray(value) && value.length >= 2 && texts.test(value) && new Set(value).size === value.length;
}

/** Not shared by calls: on edge runtimes a controller belongs to the request that created it. */
const neverAborted = () => new AbortController().signal;

export function classifyParams(
  input: string | readonly string[],
  options: ClassifyOptions,
  limits: Limits | undefined,
): ClassifyOptions & { texts: readonly string[]; signal: AbortSignal } {
  const checked = checkOptions("classification", options, classifyRules);
  const texts = Array.isArray(input) ? (input as readonly string[]) : [input as string];
  refuseAbove(limits, "texts", texts.length, "bad-input");
  for (const each of texts) checkText(each);
  if (checked.labels === undefined) {
    throw new CamelGPTError("bad-option", "The option labels is missing.", {
      expected: labelsRule.expected,
      found: "none",
    });
  }
  refuseAbove(limits, "labels", checked.labels.length);
  return { signal: neverAborted(), ...checked, texts };
}

export function chooseParams(
  choices: readonly string[],
  options: ChooseOptions | undefined,
  limits: Limits | undefined,
): ChooseOptions & { signal: AbortSignal } {
  const checked = checkOptions("choice", options, decideRules);
  if (!isLabels(choices)) throw wrongKind(choices, labelsRule.expected);
  refuseAbove(limits, "labels", choices.length, "bad-input");
  return { signal: neverAborted(), ...checked };
}

export function yesNoParams(
  question: string,
  options: YesNoOptions | undefined,
): YesNoOptions & { signal: AbortSignal } {
  checkText(question);
  return { signal: neverAborted(), ...checkOptions("question", options, yesNoRules) };
}

export function rateParams(
  options: RateOptions | undefined,
  limits: Limits | undefined,
): RateOptions & { from: number; to: number; signal: AbortSignal } {
  const checked = { from: 1, to: 5, signal: neverAborted(), ...checkOptions("rating", options, rateRules) };
  const { from, to } = checked;
  if (to <= from) {
    throw new CamelGPTError("bad-option", "The option to is not valid.", {
      expected: `a whole number above from, which is ${from}`,
      found: String(to),
    });
  }
  refuseAbove(limits, "labels", to - from + 1);
  return checked;
}
