// Interprets a server's response: the file, a range of it, a refusal, or something that is not the file.
import { CamelGPTError, excerpt } from "../../errors.js";
import { shortUrl } from "../names.js";

/** A refusal that may be temporary. */
export class TemporaryRefusal {
  constructor(
    readonly error: CamelGPTError,
    /** Milliseconds to wait, as requested by the server. */
    readonly delay: number,
  ) {}
}

export const webPageHint = "Use the address of the file itself (on model hubs the one with /resolve/, not /blob/).";

/** Throws an error if more than `limit` bytes of a compressed body have been read. */
export function checkUnpacked(url: string, bytes: number, limit = Infinity): void {
  if (bytes <= limit) return;
  throw new CamelGPTError("http-error", `${shortUrl(url)} unpacks to too many bytes.`, {
    expected: `at most ${limit}`,
    hint: "Turn off compression (Content-Encoding) on the server.",
  });
}

/** Maximum number of seconds to wait at a server's request. */
const maxRetryAfter = 30;

/** Cancels the body of a response that is not `ok` and returns the error for it. */
export async function refusalOf(url: string, response: Response): Promise<CamelGPTError | TemporaryRefusal> {
  const { status } = response;
  const found = `HTTP ${status} ${response.statusText}`.trim();
  await cancelBody(response);
  if (status === 404 || status === 410) {
    return new CamelGPTError("not-found", `There is no file at ${shortUrl(url)}.`, {
      expected: "a GGUF file",
      found,
      hint: "Check the address, upper and lower case too.",
    });
  }
  const error = new CamelGPTError("http-error", `The server refused ${shortUrl(url)}.`, {
    expected: "HTTP 200",
    found,
    hint:
      status === 401 || status === 403
        ? "Private weights need the option `headers`, for example { Authorization: ... }."
        : "Try again later, or use another address.",
  });
  const isTemporary = status === 408 || status === 425 || status === 429 || status >= 500;
  return isTemporary
    ? new TemporaryRefusal(error, 1000 * Math.min(retryAfter(response.headers), maxRetryAfter))
    : error;
}

/** Returns the number of seconds to wait. The header has this number, or a date by the clock of the server. */
function retryAfter(headers: Headers): number {
  const text = headers.get("retry-after") ?? "";
  const now = Date.parse(headers.get("date") ?? "") || Date.now();
  return Math.max(0, Number(text) || (Date.parse(text) - now) / 1000 || 0);
}

/**
 * Throws `not-a-model` for a web page. Servers that respond 200 with a login page, an error page or index.html are the
 * most common problem.
 */
export async function rejectHtml(url: string, response: Response): Promise<void> {
  const type = response.headers.get("content-type") ?? "";
  if (!/^\s*(text\/html|application\/xhtml)/i.test(type)) return;
  await cancelBody(response);
  throw new CamelGPTError("not-a-model", `${shortUrl(url)} is a web page, not a model.`, {
    expected: "a GGUF file",
    found: `content type ${excerpt(type)}`,
    hint: webPageHint,
  });
}

export async function cancelBody(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => {});
}
