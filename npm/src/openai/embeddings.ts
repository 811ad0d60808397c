// An embedding request → vectors, as numbers or as base64 of their bytes.
import { countTokens, shortenVector } from "../vectors.js";
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

const fieldsOfOptions = new Map([["dimensions", "dimensions"]]);

/** Throws an ApiError that names the field at fault. */
export function embeddingCall(body: unknown): EmbeddingCall {
  const fields = Fields.of(body);
  const texts = textsOrTokens(fields.required("input", fields.raw("input"))) ?? badPrompt(fields, "input");
  if (texts.some((text) => text.length === 0)) throw fields.invalid("input", "The field input holds an empty text.");
  const dimensions = fields.integer("dimensions");
  return { texts, dimensions, isBase64: fields.choice("encoding_format", ["float", "base64"]) === "base64" };
}

export async function embed(
  { model, name }: NamedModel,
  { texts, isBase64, dimensions }: EmbeddingCall,
  signal: AbortSignal,
): Promise<EmbeddingList<number[] | string>> {
  try {
    const vectors = await model.embed(texts, { signal });
    const tokens = await countTokens(model, texts, signal);
    return {
      object: "list",
      model: name,
      data: vectors.map((vector, index) => {
        const numbers = shortenVector(vector, dimensions);
        return { object: "embedding", index, embedding: isBase64 ? base64(numbers) : [...numbers] };
      }),
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    };
  } catch (error) {
    throw asApiError(error, fieldsOfOptions);
  }
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
