// Embeddings as the adapters return them.
import { CamelGPTError } from "../../web/errors.js";
import type { CamelGPTInferenceBase } from "./camelgpt-inference.js";

/** The first numbers of a vector, scaled to length 1 again. Errors: `bad-option` for more than it has. */
export function shortenVector(vector: Float32Array, dimensions: number | undefined): Float32Array {
  if (dimensions === undefined || dimensions === vector.length) return vector;
  if (!(Number.isInteger(dimensions) && dimensions >= 1 && dimensions <= vector.length)) {
    throw new CamelGPTError("bad-option", "The option dimensions is not valid.", {
      expected: `a whole number from 1 to ${vector.length}`,
      found: String(dimensions),
    });
  }
  const kept = vector.slice(0, dimensions);
  const length = Math.hypot(...kept);
  return length > 0 ? kept.map((value) => value / length) : kept;
}

/** Counts tokens as `embed` does: with the model's special tokens around a text, and none read in it. */
export async function countTokens(
  model: CamelGPTInferenceBase,
  texts: readonly (string | readonly number[])[],
  signal: AbortSignal | null | undefined,
): Promise<number> {
  const options = { parseSpecial: false, ...(signal && { signal }) };
  let count = 0;
  for (const text of texts) count += typeof text === "string" ? await model.countTokens(text, options) : text.length;
  return count;
}
