// An error as one text, for the adapters of APIs whose errors have only a message.
import type { CamelGPTError } from "../../web/errors.js";

/** The message, what was expected and found, and the hint. */
export function fullMessage({ message, expected, found, hint }: CamelGPTError): string {
  const sentence = (label: string, detail: string | undefined) => detail && `${label}: ${detail.replace(/\.$/, "")}.`;
  return [message, sentence("Expected", expected), sentence("Found", found), hint].filter(Boolean).join(" ");
}
