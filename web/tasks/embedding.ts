// Texts → embeddings.
import type { Engine } from "../engine/engine.js";
import { throwIfAborted } from "../errors.js";
import { pacer } from "../pause.js";
import { runActivity } from "./activity.js";
import type { EmbedParams } from "./params.js";

/** Errors: `bad-input` for an empty text, `context-overflow` if a text does not fit and `truncate` is false. */
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
    // Keeps the last token, which may be a special token of the tokenizer.
    if (truncate && tokens.length > contextLength)
      tokens = [...tokens.slice(0, contextLength - 1), ...tokens.slice(-1)];
    engine.embed(tokens, pooling, normalize);
    await runActivity(engine, signal);
    vectors.push(engine.embedding());
    await pace();
  }
  return vectors;
}
