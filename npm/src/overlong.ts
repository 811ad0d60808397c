// Refuses texts that cannot fit into the context by their size, before they are copied, encoded or tokenized.
import { CamelGPTError } from "../../web/errors.js";

/** Errors: `context-overflow` for a text of more than `maxBytes` in UTF-8. */
export function refuseOverlongText(text: string, maxBytes: number): void {
  refuseAboveContext(text.length, maxBytes, "bytes"); // a text has at least as many bytes
  if (text.length * 3 > maxBytes) refuseAboveContext(new TextEncoder().encode(text).length, maxBytes, "bytes");
}

/** Errors: `context-overflow`. */
export function refuseAboveContext(size: number, max: number, unit: "bytes" | "tokens"): void {
  if (size <= max) return;
  throw new CamelGPTError("context-overflow", "The text is longer than the context.", {
    expected: `at most ${max} ${unit}`,
    found: `at least ${size}`,
    hint: "Shorten the text, or load the model with a larger contextLength.",
  });
}

/** Characters of a text to truncate beyond those that can fit, so that the last word that fits is whole. */
const truncationMargin = 1 << 16;

/** Returns the beginning of a text, with all tokens that fit. It does not end within a surrogate pair. */
export function beginningOf(text: string, maxBytes: number): string {
  const length = maxBytes + truncationMargin;
  return text.slice(0, /[\ud800-\udbff]/.test(text.charAt(length - 1)) ? length - 1 : length);
}
