// Errors in OpenAI's shape: what a request gets for each error of the model, and for a field that is wrong.
import { asCamelGPTError, type CamelGPTError, type ErrorCode } from "../../../web/errors.js";
import { fullMessage } from "../full-message.js";

/** OpenAI's kinds of errors. */
export type ApiErrorType =
  | "invalid_request_error"
  | "permission_error"
  | "not_found_error"
  | "rate_limit_error"
  | "request_aborted"
  | "server_error"
  | "service_unavailable_error";

/** The body of an error, as in OpenAI's API. */
export interface ApiErrorBody {
  error: {
    message: string;
    type: ApiErrorType;
    /** The field of the request that is at fault, for example `messages[0].content`. */
    param: string | null;
    code: string | null;
  };
}

/**
 * An error of the OpenAI adapter, with the fields that the `openai` package gives its `APIError`. `cause` is the
 * CamelGPTError, if there is one.
 */
export class ApiError extends Error {
  readonly status: number;
  readonly type: ApiErrorType;
  readonly param: string | null;
  readonly code: string | null;

  constructor(
    message: string,
    details: { status: number; type: ApiErrorType; param?: string | null; code?: string | null; cause?: unknown },
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "ApiError";
    this.status = details.status;
    this.type = details.type;
    this.param = details.param ?? null;
    this.code = details.code ?? null;
  }

  toJSON(): ApiErrorBody {
    const { message, type, param, code } = this;
    return { error: { message, type, param, code } };
  }
}

type Row = readonly [status: number, type: ApiErrorType];

const request: Row = [400, "invalid_request_error"];
const unavailable: Row = [503, "service_unavailable_error"];
const broken: Row = [500, "server_error"];

/** The HTTP status and the type of the error for each code of a CamelGPTError. */
const rows: Readonly<Record<ErrorCode, Row>> = {
  // The request is at fault.
  "bad-grammar": request,
  "bad-input": request,
  "bad-option": request,
  "bad-schema": request,
  "bad-state": request,
  "bad-template": request,
  "context-overflow": request,
  "no-chat-template": request,
  "unsupported-task": request,
  aborted: [499, "request_aborted"],
  "not-allowed": [403, "permission_error"],
  "not-found": [404, "not_found_error"],
  "unknown-release": [404, "not_found_error"],
  "queue-full": [429, "rate_limit_error"],
  // The model cannot be reached or started; a later request may succeed.
  disposed: unavailable,
  "engine-unavailable": unavailable,
  "http-error": unavailable,
  network: unavailable,
  offline: unavailable,
  "out-of-memory": unavailable,
  "read-failed": unavailable,
  "unsupported-environment": unavailable,
  "worker-failed": unavailable,
  // The model's file or the engine is at fault.
  "bad-answer": broken,
  "bad-format": broken,
  "bad-metadata": broken,
  "bad-tensor": broken,
  "engine-failed": broken,
  integrity: broken,
  internal: broken,
  "missing-metadata": broken,
  "not-a-model": broken,
  truncated: broken,
  "unsupported-architecture": broken,
  "unsupported-tensor-type": broken,
  "unsupported-tokenizer": broken,
  "unsupported-version": broken,
  "write-failed": broken,
};

/** Codes for which OpenAI has a name of its own, which programs compare. */
const codes: { readonly [Code in ErrorCode]?: string } = {
  "context-overflow": "context_length_exceeded",
  "queue-full": "rate_limit_exceeded",
};

/** A field of the request that is wrong or not supported. */
export function badField(param: string, message: string, code = "invalid_value"): ApiError {
  return new ApiError(message, { status: 400, type: "invalid_request_error", param, code });
}

/** Returns an ApiError unchanged. `fields`: fields of the request by the name of the option that they become. */
export function asApiError(error: unknown, fields: ReadonlyMap<string, string> = new Map()): ApiError {
  if (error instanceof ApiError) return error;
  const cause = asCamelGPTError(error);
  const { code } = cause;
  const [status, type] = rows[code] ?? broken;
  const option = optionAtFault(cause);
  const param = (option && fields.get(option)) || null;
  const full = fullMessage(cause); // OpenAI's errors have no fields for the details
  const message = param === null ? full : full.replace(`The option ${option}`, `The field ${param}`);
  return new ApiError(message, { status, type, param, code: codes[code] ?? code.replaceAll("-", "_"), cause });
}

/** The option that an error is about, as its message says. */
function optionAtFault({ code, message }: CamelGPTError): string | undefined {
  const named = /^The option (\w+)\b/.exec(message)?.[1];
  if (named || !/^bad-(option|schema|grammar)$/.test(code)) return named;
  if (/\btools?\b/i.test(message)) return "tools";
  return code === "bad-option" ? undefined : "responseFormat";
}

export const isAbort = (error: unknown): boolean =>
  error instanceof ApiError ? error.type === "request_aborted" : asCamelGPTError(error).code === "aborted";
