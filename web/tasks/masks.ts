// A text with masks → candidates for the masks.
import type { Engine } from "../engine/engine.js";
import { CamelGPTError, throwIfAborted } from "../errors.js";
import { pacer } from "../pause.js";
import { joinPrompt } from "../rendered-prompt.js";
import type { Candidate, FilledMasks } from "../types.js";
import { runActivity } from "./activity.js";
import type { FillParams } from "./params.js";
import { tokenizeText } from "./tokenizing.js";

/** Errors: `unsupported-task` unless the model is masked, `bad-input` if there is no mask, `context-overflow`. */
export async function fillMasks(
  engine: Engine,
  { text, top, steps }: FillParams,
  signal: AbortSignal | undefined,
): Promise<FilledMasks> {
  throwIfAborted(signal);
  const { maskToken } = engine.modelInfo();
  const tokens = await tokenizeAroundMasks(engine, text, maskToken, signal);
  const positions = tokens.flatMap((token, position) => (token === maskToken ? [position] : []));
  if (positions.length === 0) {
    throw new CamelGPTError("bad-input", "The text has no mask.", {
      expected: `a text with ${engine.piece(maskToken ?? 0)}`,
      found: "none",
    });
  }
  engine.evaluateMasks(tokens, 0);
  await runActivity(engine, signal);
  const pace = pacer();
  const masks: Candidate[][] = [];
  for (const position of positions) {
    engine.predict(position, { top });
    masks.push(
      engine.topTokens().map(({ token, logprob }) => ({
        token,
        text: engine.detokenize([token], true).trim(),
        probability: Math.exp(logprob),
      })),
    );
    await pace();
    throwIfAborted(signal);
  }
  engine.fill(tokens, steps);
  await runActivity(engine, signal);
  return { candidates: masks[0] ?? [], masks, text: engine.detokenize(engine.filled(), false).trim() };
}

/** Only masks are read as special tokens: the rest of the text is content. */
function tokenizeAroundMasks(
  engine: Engine,
  text: string,
  maskToken: number | null,
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const mask = maskToken === null ? "" : engine.piece(maskToken);
  if (!mask) return tokenizeText(engine, signal, text, true, false);
  const contents = text.split(mask).map((content) => ({ content }));
  const prompt = joinPrompt(contents.flatMap((content) => [mask, content]).slice(1));
  return tokenizeText(engine, signal, prompt, true, true);
}
