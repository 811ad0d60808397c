// A URL → its bytes, or an error that says what the server did instead.
import { abortedError, CamelGPTError, describe, excerpt, orAborted, throwIfAborted } from "../errors.js";
import { type ByteSource, fileName, streamSource } from "./source.js";

/** The part of `fetch` that is used here. */
export type Fetch = (url: string, init: { headers: Record<string, string>; signal?: AbortSignal }) => Promise<Response>;

export interface HttpOptions {
  headers?: Record<string, string> | undefined;
  fetch?: Fetch | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Errors: `network` (no answer, or it broke off), `not-found` (404, 410), `http-error` (any other refusal), `not-a-model`
 * (HTML instead of a file), `aborted`.
 */
export async function openUrl(url: string, options: HttpOptions = {}): Promise<ByteSource> {
  const { signal } = options;
  throwIfAborted(signal);
  const request: Fetch = options.fetch ?? ((address, init) => fetch(address, init));
  let response: Response;
  try {
    response = await orAborted(request(url, { headers: options.headers ?? {}, ...(signal && { signal }) }), signal);
  } catch (error) {
    if (signal?.aborted) throw abortedError(signal);
    throw new CamelGPTError("network", `The download of ${shortUrl(url)} failed: ${describe(error)}`, {
      expected: "an answer from the server",
      hint: "Check the address and the connection. In a browser the server must also allow this page by CORS.",
      cause: error,
    });
  }
  if (!response.ok) throw await refused(url, response);
  await rejectHtml(url, response);
  if (!response.body) {
    throw new CamelGPTError("http-error", `${shortUrl(url)} has no content.`, {
      expected: "a GGUF file",
      found: `HTTP ${response.status} without a body`,
    });
  }
  const size = contentLength(response);
  return streamSource(response.body, fileName(url), size, (error, received) => {
    if (signal?.aborted) return abortedError(signal);
    return new CamelGPTError("network", `The download of ${shortUrl(url)} broke off: ${describe(error)}`, {
      expected: size === undefined ? "the whole file" : `${size} bytes`,
      found: `${received} bytes`,
      hint: "Check the connection and load the model again.",
      cause: error,
    });
  });
}

async function refused(url: string, response: Response): Promise<CamelGPTError> {
  const found = `HTTP ${response.status} ${response.statusText}`.trim();
  await response.body?.cancel().catch(() => {});
  if (response.status === 404 || response.status === 410) {
    return new CamelGPTError("not-found", `There is no file at ${shortUrl(url)}.`, {
      expected: "a GGUF file",
      found,
      hint: "Check the address: folder, file name, capitals.",
    });
  }
  const denied = response.status === 401 || response.status === 403;
  return new CamelGPTError("http-error", `The server refused ${shortUrl(url)}.`, {
    expected: "HTTP 200",
    found,
    hint: denied
      ? "Private weights need the option `headers`, for example { Authorization: ... }."
      : "Try again later, or use another address.",
  });
}

/** A server that answers 200 with a page (a login, an error, an index.html for every path) is the most common mistake. */
async function rejectHtml(url: string, response: Response): Promise<void> {
  const type = response.headers.get("content-type") ?? "";
  if (!/^\s*(text\/html|application\/xhtml)/i.test(type)) return;
  await response.body?.cancel().catch(() => {});
  throw new CamelGPTError("not-a-model", `${shortUrl(url)} is a web page, not a model.`, {
    expected: "a GGUF file",
    found: `content type ${excerpt(type)}`,
    hint: "Use the address of the file itself (on model hubs the one with /resolve/, not /blob/).",
  });
}

function contentLength(response: Response): number | undefined {
  // With a content encoding the length counts compressed bytes.
  if (response.headers.get("content-encoding")) return undefined;
  const length = Number(response.headers.get("content-length") || NaN);
  return Number.isSafeInteger(length) && length > 0 ? length : undefined;
}

/** A URL for a message: without query and credentials, which may hold secrets. */
export function shortUrl(url: string): string {
  try {
    const { protocol, host, pathname } = new URL(url);
    return protocol === "data:" ? "a data: URL" : `${protocol}//${host}${pathname}`;
  } catch {
    return url;
  }
}
