// Errors of the model → the exceptions of the Prompt API.
import { asCamelGPTError, type ErrorCode } from "../../../web/errors.js";
import { fullMessage } from "../full-message.js";

const names: { readonly [Code in ErrorCode]?: string } = {
  aborted: "AbortError",
  disposed: "InvalidStateError",
  "bad-grammar": "NotSupportedError",
  "bad-schema": "NotSupportedError",
  "no-chat-template": "NotSupportedError",
  "unsupported-task": "NotSupportedError",
  "http-error": "NetworkError",
  network: "NetworkError",
  "not-allowed": "NotAllowedError",
  "not-found": "NetworkError",
  offline: "NetworkError",
  "unknown-release": "NetworkError",
};

/** Returns exceptions of the web platform unchanged. `cause` of the others is the CamelGPTError. */
export function asException(error: unknown): unknown {
  if (error instanceof DOMException || error instanceof TypeError || error instanceof RangeError) return error;
  const cause = asCamelGPTError(error);
  const exception = new DOMException(fullMessage(cause), names[cause.code] ?? "OperationError");
  return Object.defineProperty(exception, "cause", { value: cause, configurable: true, writable: true });
}

export function notSupported(message: string): DOMException {
  return new DOMException(message, "NotSupportedError");
}

/** The class of newer browsers, or an exception with its fields. */
export function quotaExceeded(requested: number, quota: number): DOMException {
  const message = `The prompt needs ${requested} tokens; the context window has ${quota}.`;
  const { QuotaExceededError } = globalThis as {
    QuotaExceededError?: new (message: string, options: { requested: number; quota: number }) => DOMException;
  };
  if (QuotaExceededError) return new QuotaExceededError(message, { requested, quota });
  return Object.assign(new DOMException(message, "QuotaExceededError"), { requested, quota });
}
