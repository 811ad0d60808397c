// A URL → its bytes, through broken connections, or an error that says what the server did instead.
import { abortedError, CamelGPTError, describe, excerpt, orAborted, throwIfAborted } from "../../errors.js";
import { type ByteSource, bytesSource, fileName, type Ranges, streamSource } from "./source.js";

/** The part of `fetch` that is used here. */
export type Fetch = (url: string, init: { headers: Record<string, string>; signal?: AbortSignal }) => Promise<Response>;

/** What can cross to another thread. */
export interface HttpSettings {
  headers: Record<string, string>;
  /** Attempts to go on with a download that broke off, since it last came some way. */
  retries: number;
  /** Milliseconds without an answer or a byte after which a connection counts as broken. */
  timeout: number;
  /** At a time, for one file. */
  connections: number;
}

export interface HttpOptions extends HttpSettings {
  fetch?: Fetch | undefined;
  signal?: AbortSignal | undefined;
  /** Whether to ask if parts of the file can be had. */
  ranges?: boolean | undefined;
}

/** Attempts where no server has answered yet: a wrong address should not take long to show. */
const firstRetries = 2;
/** Bytes that make up for a failure. */
const someWay = 1 << 20;
/** Milliseconds before the second attempt; each further one waits twice as long, up to the longest. */
const firstDelay = 250;
const longestDelay = 8000;
/** No server's wish to wait is heeded for longer, in seconds. */
const longestRetryAfter = 30;

/**
 * Errors: `network` (no answer, it broke off and did not come back, or the file changed meanwhile), `not-found` (404, 410), `http-error` (any
 * other refusal), `not-a-model` (HTML instead of a file), `aborted`.
 */
export async function openUrl(url: string, options: HttpOptions): Promise<ByteSource> {
  const download = new Download(url, options);
  await download.open();
  return download;
}

/** A refusal that may be over soon. */
class Busy {
  constructor(
    readonly error: CamelGPTError,
    readonly delay: number,
  ) {}
}

/**
 * One file, over as many connections as it takes. A later one asks for what is missing. Whether that is of the same file, its validator tells:
 * with If-Range the server would judge that, but pages of other origins may not send it without asking first.
 */
class Download implements ByteSource {
  readonly name: string;
  size: number | undefined;
  readonly #url: string;
  readonly #options: HttpOptions;
  ranges: Ranges | undefined;
  /** The position of the next byte. */
  #received = 0;
  /** What lies behind the last byte that is wanted, where that is not the whole file. */
  #end: number | undefined;
  /** ETag or date of the file; undefined where a later connection could not be compared with the first. */
  #validator: string | undefined;
  #answered = false;
  /** Of a part, which asks before it is read. */
  #opening: Promise<void> | undefined;
  #isClosed = false;
  #control: AbortController | undefined;
  #body: ByteSource | undefined;
  #failures = 0;
  #receivedAtFailure = 0;

  constructor(url: string, options: HttpOptions) {
    this.#url = url;
    this.#options = options;
    this.name = fileName(url);
  }

  async open(): Promise<void> {
    await this.#persist(() => this.#connected());
  }

  read(target: Uint8Array): Promise<number> {
    return this.#persist(async () => {
      await this.#opening;
      const body = await this.#connected();
      const count = await inTime(body.read(target), this.#options.timeout);
      if (count === 0 && this.#received < (this.#end ?? this.size ?? 0)) throw new Error("it ended early");
      this.#received += count;
      return count;
    });
  }

  /** Keeps a connection whose bytes could not be compared with those of another. */
  async pause(): Promise<void> {
    if (this.#validator !== undefined) await this.#drop();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#drop();
  }

  async #seek(from: number, to: number): Promise<void> {
    await this.#drop();
    [this.#received, this.#end] = [from, to];
    this.#receivedAtFailure = from;
  }

  #part(from: number, to: number): Download {
    const part = new Download(this.#url, { ...this.#options, signal: undefined }); // whoever reads it closes it, and many would listen
    [part.#received, part.#receivedAtFailure, part.#end, part.size] = [from, from, to, this.size];
    [part.#validator, part.#answered] = [this.#validator, true];
    part.#opening = part.open().catch(() => {}); // reading tries again, and says what is wrong
    return part;
  }

  async #drop(): Promise<void> {
    const [body, control] = [this.#body, this.#control];
    this.#body = this.#control = undefined;
    await body?.close();
    control?.abort();
  }

  async #persist<T>(attempt: () => Promise<T>): Promise<T> {
    const { signal, retries } = this.#options;
    for (;;) {
      throwIfAborted(signal);
      try {
        return await orAborted(attempt(), signal);
      } catch (error) {
        await this.#drop();
        if (signal?.aborted) throw abortedError(signal);
        if (this.#isClosed) throw error; // while it was read ahead
        if (error instanceof CamelGPTError) throw error;
        if (this.#received >= this.#receivedAtFailure + someWay) this.#failures = 0;
        this.#receivedAtFailure = this.#received;
        const canGoOn = this.#received === 0 || this.#validator !== undefined;
        if (!canGoOn || this.#failures >= (this.#answered ? retries : Math.min(retries, firstRetries)))
          throw this.#lost(error);
        const delay = Math.min(longestDelay, firstDelay * 2 ** this.#failures++);
        // Spread out, so that those whom a server lost at once do not come back at once.
        await orAborted(
          sleep(Math.max(delay * (0.75 + Math.random() / 2), error instanceof Busy ? error.delay : 0)),
          signal,
        );
      }
    }
  }

  async #connected(): Promise<ByteSource> {
    if (this.#body) return this.#body;
    const { headers, timeout, ranges } = this.#options;
    const request: Fetch = this.#options.fetch ?? ((address, init) => fetch(address, init));
    const [url, from] = [this.#url, this.#received];
    this.#control = new AbortController();
    const { signal } = this.#control;
    const range = `bytes=${from}-${this.#end === undefined ? "" : this.#end - 1}`;
    const response = await inTime(
      request(url, { headers: from > 0 || ranges ? { ...headers, range } : headers, signal }),
      timeout,
    );
    if (from > 0 && response.status === 416) {
      // The first answer announced more than there is.
      if (response.headers.get("content-range") === `bytes */${from}`) return this.#atEnd(response);
      throw await this.#changed(response, "no bytes where the rest of the file should be");
    }
    if (!response.ok) throw await refused(url, response);
    await rejectHtml(url, response);
    if (!response.body) {
      throw new CamelGPTError("http-error", `${shortUrl(url)} has no content.`, {
        expected: "a GGUF file",
        found: `HTTP ${response.status} without a body`,
      });
    }
    // With a content encoding lengths and ranges count compressed bytes.
    const isPlain = !response.headers.get("content-encoding");
    const length = isPlain ? contentLength(response) : undefined;
    const validator = isPlain
      ? (response.headers.get("etag") ?? response.headers.get("last-modified") ?? undefined)
      : undefined;
    const isPart = response.status === 206;
    if (from === 0) {
      if (isPart && !(ranges && startsAt(response, 0)))
        throw await this.#changed(response, "a part of the file, which nobody asked for");
      [this.size, this.#validator] = [length, validator];
      const canSeek = isPart && length !== undefined && validator !== undefined;
      this.ranges = canSeek
        ? { seek: (at, to) => this.#seek(at, to), part: (at, to) => this.#part(at, to) }
        : undefined;
    } else if (validator !== this.#validator) {
      throw await this.#changed(response, "another version of the file");
    } else if (isPart ? !startsAt(response, from) : length !== this.size) {
      throw await this.#changed(response, "another part of the file, or one of another length");
    }
    const body = streamSource(response.body, this.name, length, (error) => error);
    if (from > 0 && !isPart) await skip(body, from, timeout); // a server without ranges begins anew
    this.#answered = true;
    this.#body = body;
    return body;
  }

  async #atEnd(response: Response): Promise<ByteSource> {
    await response.body?.cancel().catch(() => {});
    this.size = this.#received;
    this.#body = bytesSource(new Uint8Array(0));
    return this.#body;
  }

  async #changed(response: Response, found: string): Promise<CamelGPTError> {
    await response.body?.cancel().catch(() => {});
    return new CamelGPTError("network", `The download of ${shortUrl(this.#url)} broke off and could not go on.`, {
      expected: `the file from byte ${this.#received} on`,
      found,
      hint: "Load the model again.",
    });
  }

  #lost(error: unknown): CamelGPTError {
    if (error instanceof Busy) return error.error;
    if (this.#received === 0) {
      return new CamelGPTError("network", `The download of ${shortUrl(this.#url)} failed: ${describe(error)}`, {
        expected: "an answer from the server",
        hint: "Check the address and the connection. In a browser the server must also allow this page by CORS.",
        cause: error,
      });
    }
    return new CamelGPTError("network", `The download of ${shortUrl(this.#url)} broke off: ${describe(error)}`, {
      expected: this.size === undefined ? "the whole file" : `${this.size} bytes`,
      found: `${this.#received} bytes${this.#validator === undefined ? ", and no ETag or date by which to go on" : ""}`,
      hint: "Check the connection and load the model again.",
      cause: error,
    });
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function inTime<T>(work: Promise<T>, milliseconds: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came for ${milliseconds / 1000} s`)), milliseconds);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

async function skip(body: ByteSource, bytes: number, timeout: number): Promise<void> {
  const scratch = new Uint8Array(Math.min(bytes, 1 << 16));
  for (let left = bytes; left > 0; ) {
    const count = await inTime(body.read(scratch.subarray(0, Math.min(left, scratch.length))), timeout);
    if (count === 0) throw new Error("it ended early");
    left -= count;
  }
}

/** Where pages may not see the header, the server is trusted to have sent what was asked for. */
function startsAt(response: Response, from: number): boolean {
  const range = response.headers.get("content-range");
  return range === null || range.startsWith(`bytes ${from}-`);
}

async function refused(url: string, response: Response): Promise<CamelGPTError | Busy> {
  const found = `HTTP ${response.status} ${response.statusText}`.trim();
  await response.body?.cancel().catch(() => {});
  if (response.status === 404 || response.status === 410) {
    return new CamelGPTError("not-found", `There is no file at ${shortUrl(url)}.`, {
      expected: "a GGUF file",
      found,
      hint: "Check the address: folder, file name, capitals.",
    });
  }
  const { status } = response;
  const denied = status === 401 || status === 403;
  const error = new CamelGPTError("http-error", `The server refused ${shortUrl(url)}.`, {
    expected: "HTTP 200",
    found,
    hint: denied
      ? "Private weights need the option `headers`, for example { Authorization: ... }."
      : "Try again later, or use another address.",
  });
  const mayPass = status === 408 || status === 425 || status === 429 || status >= 500;
  const retryAfter = Number(response.headers.get("retry-after")) || 0;
  return mayPass ? new Busy(error, 1000 * Math.min(retryAfter, longestRetryAfter)) : error;
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
