// A line of a batch in OpenAI's format → its request, or what is wrong with it.
import { createHash } from "node:crypto";

import { describe } from "../../../../web/errors.js";
import { isRecord } from "../../check-options.js";
import type { Line } from "./lines.js";

/** A fault of a line, as OpenAI's batches report it. */
export interface LineError {
  code: string;
  message: string;
  param: string | null;
  /** Counts from 1. */
  line: number;
}

/** A line that is not empty. */
export interface BatchLine {
  /** Null if the line has none. */
  customId: string | null;
  /** Names the line in a table: by its custom_id, else by its number. */
  name: string;
  /** 24 hexadecimal digits that change with the request and the seed. */
  hash: string;
  request: { url: string; body: Readonly<Record<string, unknown>> } | LineError;
  line: number;
}

const expected = '{"custom_id": "…", "method": "POST", "url": "/v1/chat/completions", "body": {…}}';

export const nameOfId = (customId: string): string => `id ${customId}`;
export const nameOfLine = (line: number): string => `line ${line}`;
/** 32 bits of a hash. */
export const checkOf = (hash: string): number => Number.parseInt(hash.slice(0, 8), 16);

export const isLineError = (request: BatchLine["request"]): request is LineError => "code" in request;

/** Returns undefined for an empty line. `seed` is the one of the batch. */
export function parseLine({ number, text: raw, fault }: Line, seed: number, maxBytes: number): BatchLine | undefined {
  const wrong = (code: string, message: string, param: string | null = null): LineError => ({
    code,
    message: `Line ${number} ${message}`,
    param,
    line: number,
  });
  const unnamed = (request: LineError): BatchLine => ({
    customId: null,
    name: nameOfLine(number),
    hash: hashOf([seed, number, request.code]),
    request,
    line: number,
  });
  if (raw === undefined) {
    return fault === "too-long"
      ? unnamed(wrong("line_too_long", `has more than ${maxBytes} bytes: see --max-line-bytes.`))
      : unnamed(wrong("invalid_encoding", "is not UTF-8 text."));
  }
  const text = (number === 1 ? raw.replace(/^\ufeff/, "") : raw).trim();
  if (text === "") return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return unnamed(wrong("invalid_json_line", `is not JSON: ${describe(error)}`));
  }
  if (!isRecord(value)) return unnamed(wrong("invalid_json_line", `is not a JSON object. Expected: ${expected}`));
  const { custom_id: customId, method, url, body } = value;
  if (typeof customId !== "string" || customId === "") {
    return unnamed(wrong("missing_required_parameter", "has no custom_id. Expected: a text.", "custom_id"));
  }
  const requestOf = (): BatchLine["request"] => {
    if (method !== undefined && method !== "POST") {
      return wrong("invalid_method", `has the method ${JSON.stringify(method)}. Expected: "POST".`, "method");
    }
    if (typeof url !== "string" || !/^\/[^/\s]/.test(url)) {
      return wrong("invalid_url", "has no url. Expected: a path such as /v1/chat/completions.", "url");
    }
    if (!isRecord(body)) {
      return wrong("missing_required_parameter", "has no body. Expected: an object, the request.", "body");
    }
    if (body["stream"] === true) return wrong("unsupported_value", "asks for a stream.", "body.stream");
    return { url, body };
  };
  return {
    customId,
    name: nameOfId(customId),
    hash: hashOf([seed, customId, url, body]),
    request: requestOf(),
    line: number,
  };
}

function hashOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 24);
}
