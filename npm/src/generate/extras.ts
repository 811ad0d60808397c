// The options `n`, `echo` and `suffix` of a generation. Loaded by the first call that has one of them.
import type { Emit } from "../../../web/text/text-stream.js";
import type { GenerationResult } from "../../../web/types.js";
import { onceAccepted } from "../chat/once-accepted.js";
import { checkOptions, checkPrompt } from "../check-options.js";
import type { ModelConnection } from "../model-connection.js";
import type { GenerateOptions } from "../options.js";
import { countRule, extraRules, randomSeed } from "../options/generate.js";
import { refuseAbove } from "../options/limits.js";
import { gapPrompt } from "./gap-prompt.js";

type Prompt = string | readonly number[];

interface Output {
  emit: Emit;
  signal: AbortSignal;
}

/** `run` generates without these options. Errors: `bad-option`, `bad-input`, and those of `run`. */
export async function generateWithExtras<T extends GenerationResult, O extends GenerateOptions>(
  model: ModelConnection,
  prompt: Prompt,
  options: O,
  { emit, signal }: Output,
  run: (prompt: Prompt, options: O, emit: Emit) => Promise<T>,
): Promise<T> {
  checkPrompt(prompt);
  const { n, echo, suffix, ...others } = options;
  checkOptions("generation", { n, echo, suffix }, extraRules);
  const rest = { ...others, n } as O;
  const asked = suffix === undefined ? prompt : await gapPrompt(model, prompt, suffix, options, signal);
  const shown = echo ? await textOf(model, prompt, signal) : "";
  let isFirst = true;
  const emitAfter: Emit = (part) => {
    if (isFirst && shown) emit(shown);
    isFirst = false;
    emit(part);
  };
  const echoed = (result: T): T => {
    if (isFirst && shown) emit(shown); // the answer is empty
    isFirst = false;
    return shown ? { ...result, text: shown + result.text } : result;
  };
  return generateSeveral(model, rest, { emit: emitAfter, signal }, async (each, emitEach) =>
    echoed(await run(asked, each, emitEach)),
  );
}

/**
 * Generates `options.n` answers, as many at a time as the model has sequences: the prompt of the later ones is in the
 * cache. The seed of each is that of the one before plus 1, so that the first is the answer without `n`; only its text
 * is emitted. An abort ends the answers in progress, and there are no further ones.
 */
export async function generateSeveral<T extends GenerationResult, O extends { n?: number; seed?: number }>(
  model: ModelConnection,
  options: O,
  { emit, signal }: Output,
  run: (options: O, emit: Emit) => Promise<T>,
): Promise<T> {
  const { n, ...rest } = options;
  checkOptions("generation", { n }, { n: countRule });
  if (n === undefined) return run(rest as O, emit);
  refuseAbove(model.limits, "n", n);
  const { seed = randomSeed() } = rest;
  const made: (T | undefined)[] = [];
  const runFirst = () => run({ ...rest, seed } as O, emit);
  const runLater = (i: number) => {
    const later = { ...rest, onProgress: undefined, onActivity: undefined, seed: (seed + i) % 2 ** 32 };
    return onceAccepted(signal, () => run(later as unknown as O, () => {}));
  };
  let next = 0;
  const work = async () => {
    while (next < n && (next === 0 || !signal.aborted)) {
      const i = next++;
      made[i] = await (i === 0 ? runFirst() : runLater(i));
    }
  };
  await Promise.all(Array.from({ length: Math.min(n, model.sequences) }, work));
  const choices = made.filter((each) => each !== undefined); // others were aborted before they began
  const first = choices[0] as T;
  const usage = { ...first.usage };
  for (const key of ["completionTokens", "reasoningTokens", "bytes"] as const) {
    const total = choices.reduce((sum, each) => sum + (each.usage[key] ?? 0), 0);
    if (total > 0) usage[key] = total;
  }
  return { ...first, usage, choices };
}

async function textOf(model: ModelConnection, prompt: Prompt, signal: AbortSignal): Promise<string> {
  return typeof prompt === "string"
    ? prompt
    : model.call("detokenize", { tokens: prompt, keepControl: true }, { signal });
}
