// Texts → embeddings.
import type { Engine } from "../engine/engine.js";
import { CamelGPTError, throwIfAborted } from "../errors.js";
import { pacer } from "../pause.js";
import { runActivity } from "./activity.js";
import type { EmbedParams } from "./params.js";
import { tokenizeText } from "./tokenizing.js";

/** Errors: `bad-input` for an empty text, `context-overflow` if a text does not fit and `truncate` is false. */
export async function embed(
  engine: Engine,
  { texts, pooling, normalize, truncate }: EmbedParams,
  contextLength: number,
  signal: AbortSignal | undefined,
): Promise<Float32Array[]> {
  const pace = pacer();
  const vectors: Float32Array[] = [];
  // The tokens that the tokenizer adds around a text, of which the last one is kept if a text is cut.
  const added = engine.tokenize("", true, false);
  const end = added.length > 1 || added[0] !== engine.modelInfo().bosToken ? added.slice(-1) : [];
  for (const [index, text] of texts.entries()) {
    throwIfAborted(signal);
    let tokens = typeof text === "string" ? await tokenizeText(engine, signal, text, true, false) : text;
    if (tokens.length === 0 || text.length === 0) throw emptyText(texts.length, index);
    if (truncate && tokens.length > contextLength) {
      const kept = typeof text === "string" ? end : [];
      tokens = [...tokens.slice(0, contextLength - kept.length), ...kept];
    }
    engine.embed(tokens, pooling, normalize);
    await runActivity(engine, signal);
    vectors.push(engine.embedding());
    await pace();
  }
  return vectors;
}

function emptyText(count: number, index: number): CamelGPTError {
  return new CamelGPTError("bad-input", count === 1 ? "The text is empty." : `Text ${index} of ${count} is empty.`, {
    expected: "at least one token",
    found: "none",
  });
}
