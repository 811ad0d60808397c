// Texts → embeddings.
import type { Engine } from "../engine/engine.js";
import { CamelGPTError, throwIfAborted } from "../errors.js";
import { pacer } from "../pause.js";
import { runActivity } from "./activity.js";
import type { TextsProgress } from "../types.js";
import type { EmbedParams } from "./params.js";
import { tokenizeText } from "./tokenizing.js";

/** Texts are handed to the engine in groups of about this many tokens, of which it evaluates several at a time. */
const groupTokens = 2048;
/** Their vectors are in the engine's memory until they are copied. */
const groupTexts = 64;

export interface TextsContext {
  signal?: AbortSignal | undefined;
  onEvent?: ((progress: TextsProgress) => void) | undefined;
}

/** Errors: `bad-input` for an empty text, `context-overflow` if a text does not fit and `truncate` is false. */
export async function embed(
  engine: Engine,
  { texts, pooling, normalize, truncate }: EmbedParams,
  contextLength: number,
  { signal, onEvent }: TextsContext,
): Promise<Float32Array[]> {
  const total = texts.length;
  const vectors: Float32Array[] = [];
  // The tokens that the tokenizer adds around a text, of which the last one is kept if a text is cut.
  const added = truncate ? await tokenizeText(engine, signal, "", true, false) : [];
  const end = added.length > 1 || added[0] !== engine.modelInfo().bosToken ? added.slice(-1) : [];
  const tokensOf = async (text: string | readonly number[], index: number) => {
    const tokens = typeof text === "string" ? await tokenizeText(engine, signal, text, true, false) : text;
    if (tokens.length === 0 || text.length === 0) throw emptyText(total, index);
    if (tokens.length <= contextLength) return tokens;
    if (!truncate && total > 1) throw longText(total, index, tokens.length, contextLength);
    if (!truncate) return tokens; // refused by the engine
    const kept = typeof text === "string" ? end : [];
    return [...tokens.slice(0, contextLength - kept.length), ...kept];
  };
  const pace = pacer();
  while (vectors.length < total) {
    const group: (readonly number[])[] = [];
    const ends: number[] = []; // of the texts, in tokens of the group
    let size = 0;
    for (const text of texts.slice(vectors.length, vectors.length + groupTexts)) {
      const tokens = await tokensOf(text, vectors.length + group.length);
      group.push(tokens);
      ends.push((size += tokens.length));
      await pace();
      throwIfAborted(signal);
      if (size >= groupTokens) break;
    }
    engine.embed(group, pooling, normalize);
    await runActivity(engine, signal, (remaining) => {
      const done = vectors.length + ends.filter((end) => end <= size - remaining).length;
      onEvent?.({ done, total });
    });
    group.forEach((_, i) => vectors.push(engine.embedding(i)));
  }
  return vectors;
}

function longText(count: number, index: number, size: number, contextLength: number): CamelGPTError {
  return new CamelGPTError("context-overflow", `Text ${index} of ${count} is longer than the context.`, {
    expected: `at most ${contextLength} tokens`,
    found: `${size} tokens`,
    hint: "Shorten the text, pass truncate: true, or load the model with a larger contextLength.",
  });
}

function emptyText(count: number, index: number): CamelGPTError {
  return new CamelGPTError("bad-input", count === 1 ? "The text is empty." : `Text ${index} of ${count} is empty.`, {
    expected: "at least one token",
    found: "none",
  });
}
