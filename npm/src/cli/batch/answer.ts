// The form of an answer of a batch: a line in OpenAI's format.
import { isRecord } from "../../check-options.js";
import { type BatchLine, type LineError, nameOfId, nameOfLine } from "./request.js";

/** A line of the output. A line of the input that is no request has an `error` and no `response`. */
export interface Answer {
  id: string;
  custom_id: string | null;
  response: { status_code: number; request_id: string; body: unknown } | null;
  error: LineError | null;
}

/** An answer of an earlier run, without its body. */
export interface KnownAnswer {
  /** Names the request in a table. */
  name: string;
  /** The hash of the request; undefined if the line of the input was no request. */
  hash: string | undefined;
  hasFailed: boolean;
  /** Model that answered. */
  model: string | undefined;
}

const idPrefix = "batch_req_";
const requestPrefix = "req_";
const lineStart = `{"id":"${idPrefix}`;

/** The ids depend only on the request and the seed, so that they repeat in every run. */
export function answerTo({ customId, hash }: BatchLine, result: { status: number; body: unknown } | LineError): Answer {
  const head = { id: idPrefix + hash, custom_id: customId };
  if ("code" in result) return { ...head, response: null, error: result };
  const response = { status_code: result.status, request_id: requestPrefix + hash, body: result.body };
  return { ...head, response, error: null };
}

export const isFailure = ({ response, error }: Answer): boolean =>
  error !== null || response === null || response.status_code >= 400;

export function completionTokens({ response }: Answer): number {
  const { usage } = Object(response?.body) as { usage?: { completion_tokens?: unknown; output_tokens?: unknown } };
  return Number(usage?.completion_tokens ?? usage?.output_tokens ?? 0) || 0;
}

/** Undefined for a text that is not an answer that this command has written. */
export function readAnswer(text: string): KnownAnswer | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  const { id, custom_id: customId, response, error } = value;
  if (typeof id !== "string" || !id.startsWith(idPrefix)) return undefined;
  const hash = id.slice(idPrefix.length);
  if (isRecord(response)) {
    const { status_code: status, body } = response;
    if (typeof customId !== "string" || typeof status !== "number") return undefined;
    const model = isRecord(body) && typeof body["model"] === "string" ? body["model"] : undefined;
    return { name: nameOfId(customId), hash, hasFailed: status >= 400, model };
  }
  if (!isRecord(error)) return undefined;
  if (typeof customId === "string") return { name: nameOfId(customId), hash, hasFailed: true, model: undefined };
  const { line } = error;
  if (typeof line !== "number") return undefined;
  return { name: nameOfLine(line), hash: undefined, hasFailed: true, model: undefined };
}

/**
 * Whether a last line without a line break can be the beginning of an answer. A machine that loses power can leave
 * zeros instead of bytes.
 */
export function isTornAnswer(bytes: Buffer): boolean {
  const start = bytes.subarray(0, lineStart.length).toString("latin1").replace(/\0+$/, "");
  return lineStart.startsWith(start);
}
