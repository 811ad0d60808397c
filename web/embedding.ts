// Texts → their vectors.
import type { Engine } from "./engine/engine.js";
import { throwIfAborted } from "./errors.js";
import { prefillSlice } from "./generation.js";
import { pacer } from "./pause.js";
import type { EmbedParams } from "./protocol.js";

/** Errors: `bad-input` for an empty text, `context-overflow` where one does not fit and is not to be cut. */
export async function embed(
  engine: Engine,
  { texts, pooling, normalize, truncate }: EmbedParams,
  contextLength: number,
  signal: AbortSignal | undefined,
): Promise<Float32Array[]> {
  const pace = pacer();
  const vectors: Float32Array[] = [];
  for (const text of texts) {
    throwIfAborted(signal);
    let tokens = typeof text === "string" ? engine.tokenize(text, true, true) : text;
    // What the tokenizer puts at the end stays there.
    if (truncate && tokens.length > contextLength)
      tokens = [...tokens.slice(0, contextLength - 1), ...tokens.slice(-1)];
    engine.embedBegin(tokens, pooling, normalize);
    while (engine.embedContinue(prefillSlice) > 0) {
      await pace();
      throwIfAborted(signal);
    }
    vectors.push(engine.embedding());
    await pace();
  }
  return vectors;
}
