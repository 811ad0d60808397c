// An embedding request → vectors, as numbers or as base64 of their bytes.
import { asApiError } from "./api-error.js";
import { badPrompt, textsOrTokens } from "./completions.js";
import { Fields } from "./fields.js";
import type { NamedModel } from "./models.js";
import type { EmbeddingList } from "./types.js";

/** An embedding request, checked. */
export interface EmbeddingCall {
  texts: readonly (string | readonly number[])[];
  isBase64: boolean;
  dimensions: number | undefined;
}

/** Throws an ApiError that names the field at fault. */
export function embeddingCall(body: unknown): EmbeddingCall {
  const fields = Fields.of(body);
  const texts = textsOrTokens(fields.required("input", fields.raw("input"))) ?? badPrompt(fields, "input");
  if (texts.some((text) => text.length === 0)) throw fields.invalid("input", "The field input holds an empty text.");
  const dimensions = fields.integer("dimensions");
  if (dimensions !== undefined && dimensions < 1)
    throw fields.invalid(
      "dimensions",
      `The field dimensions is not valid. Expected: at least 1. Found: ${dimensions}.`,
    );
  return { texts, dimensions, isBase64: fields.choice("encoding_format", ["float", "base64"]) === "base64" };
}

export async function embed(
  { model, name }: NamedModel,
  { texts, isBase64, dimensions }: EmbeddingCall,
  signal: AbortSignal,
): Promise<EmbeddingList<number[] | string>> {
  try {
    const vectors = await model.embed(texts, { signal });
    const tokens = await tokenCount(model, texts, signal);
    return {
      object: "list",
      model: name,
      data: vectors.map((vector, index) => {
        const numbers = dimensions === undefined ? vector : shortened(vector, dimensions);
        return { object: "embedding", index, embedding: isBase64 ? base64(numbers) : [...numbers] };
      }),
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    };
  } catch (error) {
    throw asApiError(error);
  }
}

/** Tokens as `embed` counts them: with the model's special tokens around a text, and none read in it. */
export async function tokenCount(
  model: NamedModel["model"],
  texts: EmbeddingCall["texts"],
  signal: AbortSignal | undefined,
): Promise<number> {
  let count = 0;
  for (const text of texts)
    count += typeof text === "string" ? await model.countTokens(text, { parseSpecial: false, signal }) : text.length;
  return count;
}

/** The first numbers of a vector, scaled to length 1 again. */
function shortened(vector: Float32Array, dimensions: number): Float32Array {
  if (dimensions > vector.length) {
    throw Fields.of({}).invalid(
      "dimensions",
      `The field dimensions is not valid. Expected: at most ${vector.length}. Found: ${dimensions}.`,
    );
  }
  const kept = vector.slice(0, dimensions);
  const length = Math.hypot(...kept);
  return length > 0 ? kept.map((value) => value / length) : kept;
}

/** Little-endian, as the `openai` package reads it. */
function base64(vector: Float32Array): string {
  const bytes = new Uint8Array(vector.length * 4);
  const view = new DataView(bytes.buffer);
  vector.forEach((value, i) => view.setFloat32(i * 4, value, true));
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}
