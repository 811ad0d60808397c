// The options `n`, `echo` and `suffix` of a generation. Loaded by the first call that has one of them.
import type { Emit } from "../../../web/text/text-stream.js";
import type { GenerationResult } from "../../../web/types.js";
import { onceAccepted } from "../chat/once-accepted.js";
import { checkOptions, checkPrompt } from "../check-options.js";
import type { ModelConnection } from "../model-connection.js";
import type { GenerateOptions } from "../options.js";
import { countRule, extraRules } from "../options/generate.js";
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
 * Generates `options.n` answers, one after the other: the prompt of the later ones is in the cache. The seed of each is
 * that of the one before plus 1, so that the first is the answer without `n`; only its text is emitted. An abort ends
 * the answer in progress, and there are no further ones.
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
  const first = await run(rest as O, emit);
  const choices = [first];
  while (choices.length < n && !signal.aborted) {
    const seed = (first.seed + choices.length) % 2 ** 32;
    const later = { ...rest, onProgress: undefined, onActivity: undefined, seed } as unknown as O;
    const choice = await onceAccepted(signal, () => run(later, () => {}));
    if (choice) choices.push(choice); // otherwise it was aborted before it began
  }
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
