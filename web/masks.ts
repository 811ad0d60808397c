// A text with masks → what may stand in their place.
import type { Engine } from "./engine/engine.js";
import { CamelGPTError, throwIfAborted } from "./errors.js";
import { pacer } from "./pause.js";
import type { FillParams } from "./protocol.js";
import type { Candidate, FilledMasks } from "./types.js";

/** Errors: `unsupported-task` where the model is not a masked one, `bad-input` where there is no mask, `context-overflow`. */
export async function fillMasks(
  engine: Engine,
  { text, top, steps }: FillParams,
  signal: AbortSignal | undefined,
): Promise<FilledMasks> {
  throwIfAborted(signal);
  const tokens = engine.tokenize(text, true, true);
  engine.predictBegin(tokens, 0);
  const { maskToken } = engine.modelInfo();
  const positions = tokens.flatMap((token, position) => (token === maskToken ? [position] : []));
  if (positions.length === 0) {
    throw new CamelGPTError("bad-input", "The text has no mask.", {
      expected: `${engine.piece(maskToken ?? 0)} where something is missing`,
      found: "none",
    });
  }
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
  engine.configure({ steps }, [], []);
  return { candidates: masks[0] ?? [], masks, text: engine.detokenize(engine.fill(tokens), false).trim() };
}
