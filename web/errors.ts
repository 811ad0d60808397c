// The error class of the package, and its conversion to data that can cross to another thread.
import { redact, redactCause } from "./redact.js";

/** The kind of an error, for programs. The first group comes from the core, the second from the TypeScript code. */
export type ErrorCode =
  | "bad-format"
  | "truncated"
  | "unsupported-version"
  | "unsupported-architecture"
  | "unsupported-tensor-type"
  | "unsupported-tokenizer"
  | "missing-metadata"
  | "bad-metadata"
  | "bad-tensor"
  | "out-of-memory"
  | "context-overflow"
  | "bad-option"
  | "bad-input"
  | "bad-state"
  | "unsupported-task"
  | "internal"
  //
  | "aborted"
  | "bad-answer"
  | "bad-grammar"
  | "bad-schema"
  | "bad-template"
  | "disposed"
  | "engine-failed"
  | "engine-unavailable"
  | "http-error"
  | "integrity"
  | "network"
  | "no-chat-template"
  | "not-a-model"
  | "not-allowed"
  | "not-found"
  | "offline"
  | "queue-full"
  | "read-failed"
  | "unknown-release"
  | "unsupported-environment"
  | "worker-failed"
  | "write-failed";

/** Details that go with the message of an error. */
export interface ErrorDetails {
  /** Describes a valid value. */
  expected?: string | undefined;
  /** Describes the value found. */
  found?: string | undefined;
  /** Says how to fix the problem. */
  hint?: string | undefined;
  cause?: unknown;
}

/** An error in the form that `JSON.stringify`, `postMessage` and the CLI's `--json` use. */
export interface ErrorData {
  code: ErrorCode;
  message: string;
  expected: string | null;
  found: string | null;
  hint: string | null;
}

/**
 * Any failure that is caused from outside this package: by a file, the network, an option or the environment. `message`
 * is one sentence; `expected`, `found` and `hint` add details where they help. An aborted call has the code `"aborted"`
 * and, as in the APIs of the web platform, the name `"AbortError"`. Secrets in all texts, also in those of the cause,
 * are replaced by `***` (see {@link redact}).
 */
export class CamelGPTError extends Error {
  readonly code: ErrorCode;
  readonly expected: string | undefined;
  readonly found: string | undefined;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(redact(message), details.cause === undefined ? undefined : { cause: redactCause(details.cause) });
    this.name = code === "aborted" ? "AbortError" : "CamelGPTError";
    this.code = code;
    this.expected = redact(details.expected ?? "") || undefined;
    this.found = redact(details.found ?? "") || undefined;
    this.hint = redact(details.hint ?? "") || undefined;
  }

  toJSON(): ErrorData {
    return {
      code: this.code,
      message: this.message,
      expected: this.expected ?? null,
      found: this.found ?? null,
      hint: this.hint ?? null,
    };
  }
}

/**
 * Converts an error to data that can be posted to another thread. Anything but a CamelGPTError becomes `"internal"`.
 */
export function errorToData(error: unknown): ErrorData {
  return asCamelGPTError(error).toJSON();
}

/** The inverse of {@link errorToData}. */
export function errorFromData(data: ErrorData): CamelGPTError {
  return new CamelGPTError(data.code, data.message, {
    expected: data.expected ?? undefined,
    found: data.found ?? undefined,
    hint: data.hint ?? undefined,
  });
}

/**
 * Returns a CamelGPTError unchanged, also one of the same class in another file of the package, and wraps anything else
 * in an `"internal"` error.
 */
export function asCamelGPTError(error: unknown): CamelGPTError {
  if (error instanceof CamelGPTError || isOfOtherFile(error)) return error;
  return new CamelGPTError("internal", `Unexpected error: ${describe(error)}`, { cause: error });
}

const isOfOtherFile = (error: unknown): error is CamelGPTError =>
  error instanceof Error && /^(CamelGPT|Abort)Error$/.test(error.name) && "toJSON" in error;

/** Describes anything that was thrown in one line. */
export function describe(error: unknown): string {
  try {
    if (!(error instanceof Error)) return String(error);
    // fetch() throws a TypeError whose cause has the useful part ("ECONNREFUSED ...").
    const message = String(error.message);
    const cause = error.cause instanceof Error ? String(error.cause.message) : "";
    return cause && cause !== message ? `${message} (${cause})` : message;
  } catch {
    return "an object without a text"; // String() fails, or a getter does
  }
}

/**
 * Quotes a text for a message: control characters are escaped, and it is cut after 60 characters. Hides secrets before
 * that, since half of one could not be recognised.
 */
export function excerpt(text: string): string {
  const clean = redact(text);
  const escaped = JSON.stringify(clean.slice(0, 60));
  return clean.length > 60 ? `${escaped}…` : escaped;
}

export function abortedError(signal?: AbortSignal): CamelGPTError {
  return new CamelGPTError("aborted", "The call was aborted.", { cause: signal?.reason });
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortedError(signal);
}

/** Waits for `work` until the signal aborts. An abort ends the wait but not the work. */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  if (signal.aborted) {
    work.catch(() => {});
    return Promise.reject(abortedError(signal));
  }
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(abortedError(signal));
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

export function disposedError(): CamelGPTError {
  return new CamelGPTError("disposed", "The model was disposed.", {
    hint: "Create a new CamelGPTInference.",
  });
}
