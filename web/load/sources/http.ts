// A URL → its bytes, resumed after broken connections, or an error that describes the server's response.
import { abortedError, CamelGPTError, describe, orAborted, throwIfAborted } from "../../errors.js";
import { fileName, shortUrl } from "../names.js";
import type { Fetch, HttpOptions } from "./http-options.js";
import { cancelBody, describeFile, refusalOf, rejectHtml, startsAt, TemporaryRefusal } from "./http-response.js";
import { bytesSource } from "./memory.js";
import type { ByteSource, Ranges } from "./source.js";
import { streamSource } from "./stream.js";

/** Retries before the first response, so that a wrong URL is reported soon. */
const maxFirstRetries = 2;
/** Bytes of progress that reset the number of failures. */
const progressBytes = 1 << 20;
/** Milliseconds before the first retry. Each further delay is twice as long, up to the maximum. */
const firstDelay = 250;
const maxDelay = 8000;

/**
 * Errors: `network` (no answer, a download that broke off and could not be resumed, or a file that changed meanwhile),
 * `not-found` (404, 410), `http-error` (any other refusal), `not-a-model` (HTML instead of a file), `aborted`.
 */
export async function openUrl(url: string, options: HttpOptions): Promise<ByteSource> {
  const download = new Download(url, options);
  await download.open();
  return download;
}

/**
 * One file, over as many connections as necessary. A later connection requests the remaining bytes and compares the
 * validator (ETag or date) to make sure that the file is the same. If-Range would let the server compare, but
 * cross-origin pages may not send it without a preflight request.
 */
class Download implements ByteSource {
  readonly name: string;
  size: number | undefined;
  ranges: Ranges | undefined;
  readonly #url: string;
  readonly #options: HttpOptions;
  /** Position of the next byte. */
  #received = 0;
  /** Where reading ends, if before the end of the file. */
  #end: number | undefined;
  /** Undefined if a later connection cannot be compared with the first one. */
  #validator: string | undefined;
  #hasAnswered = false;
  /** The request of a part, which is sent before the part is read. */
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
    await this.#retry(() => this.#connect());
  }

  read(target: Uint8Array): Promise<number> {
    return this.#retry(async () => {
      await this.#opening;
      const body = await this.#connect();
      const count = await withTimeout(body.read(target), this.#options.timeout);
      if (count === 0 && this.#received < (this.#end ?? this.size ?? 0)) throw endedEarly();
      this.#received += count;
      return count;
    });
  }

  /** Keeps the connection if the next one could not be compared with it. */
  async pause(): Promise<void> {
    if (this.#validator !== undefined) await this.#disconnect();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#disconnect();
  }

  async #seek(from: number, to: number): Promise<void> {
    await this.#disconnect();
    [this.#received, this.#end] = [from, to];
    this.#receivedAtFailure = from;
  }

  #part(from: number, to: number): Download {
    // Without the signal: the reader of a part closes it, and many parts would each add a listener.
    const part = new Download(this.#url, { ...this.#options, signal: undefined });
    [part.#received, part.#receivedAtFailure, part.#end, part.size] = [from, from, to, this.size];
    [part.#validator, part.#hasAnswered] = [this.#validator, true];
    part.#opening = part.open().catch(() => {}); // `read` tries again and reports the error
    return part;
  }

  async #disconnect(): Promise<void> {
    const [body, control] = [this.#body, this.#control];
    this.#body = this.#control = undefined;
    await body?.close();
    control?.abort();
  }

  async #retry<T>(attempt: () => Promise<T>): Promise<T> {
    const { signal, retries } = this.#options;
    for (;;) {
      throwIfAborted(signal);
      try {
        return await orAborted(attempt(), signal);
      } catch (error) {
        await this.#disconnect();
        if (signal?.aborted) throw abortedError(signal);
        if (this.#isClosed) throw error; // closed during a read
        if (error instanceof CamelGPTError) throw error;
        if (this.#received >= this.#receivedAtFailure + progressBytes) this.#failures = 0;
        this.#receivedAtFailure = this.#received;
        const canResume = this.#received === 0 || this.#validator !== undefined;
        const maxFailures = this.#hasAnswered ? retries : Math.min(retries, maxFirstRetries);
        if (!canResume || this.#failures >= maxFailures) throw this.#lost(error);
        const delay = Math.min(maxDelay, firstDelay * 2 ** this.#failures++);
        const requested = error instanceof TemporaryRefusal ? error.delay : 0;
        // Random, so that clients that lost a server at the same moment do not return at the same moment.
        await orAborted(sleep(Math.max(delay * (0.75 + Math.random() / 2), requested)), signal);
      }
    }
  }

  /** Returns the open body, or requests the file from the next byte on. */
  async #connect(): Promise<ByteSource> {
    if (this.#body) return this.#body;
    const { headers, timeout, ranges } = this.#options;
    const request: Fetch = this.#options.fetch ?? ((address, init) => fetch(address, init));
    const [url, from] = [this.#url, this.#received];
    this.#control = new AbortController();
    const { signal } = this.#control;
    const range = `bytes=${from}-${this.#end === undefined ? "" : this.#end - 1}`;
    const response = await withTimeout(
      request(url, { headers: from > 0 || ranges ? { ...headers, range } : headers, signal }),
      timeout,
    );
    if (from > 0 && response.status === 416) {
      // The first response announced more bytes than the file has.
      if (response.headers.get("content-range") === `bytes */${from}`) return this.#endHere(response);
      throw await this.#changed(response, "no bytes where the rest of the file should be");
    }
    if (!response.ok) throw await refusalOf(url, response);
    await rejectHtml(url, response);
    if (!response.body) {
      throw new CamelGPTError("http-error", `${shortUrl(url)} has no content.`, {
        expected: "a GGUF file",
        found: `HTTP ${response.status} without a body`,
      });
    }
    const { length, validator } = describeFile(response);
    const isPart = response.status === 206;
    if (from === 0) await this.#useFirstAnswer(response, length, validator);
    else if (validator !== this.#validator) throw await this.#changed(response, "another version of the file");
    else if (isPart ? !startsAt(response, from) : length !== this.size) {
      throw await this.#changed(response, "another part of the file, or one of another length");
    }
    const body = streamSource(response.body, this.name, length, (error) => error);
    if (from > 0 && !isPart) await skip(body, from, timeout); // a server without ranges starts from the beginning
    this.#hasAnswered = true;
    this.#body = body;
    return body;
  }

  /** The response to a request from byte 0 on identifies the file and tells whether ranges of it can be requested. */
  async #useFirstAnswer(response: Response, length: number | undefined, validator: string | undefined): Promise<void> {
    const isPart = response.status === 206;
    if (isPart && !(this.#options.ranges && startsAt(response, 0)))
      throw await this.#changed(response, "a part of the file that was not requested");
    [this.size, this.#validator] = [length, validator];
    const canSeek = isPart && length !== undefined && validator !== undefined;
    this.ranges = canSeek
      ? { seek: (from, to) => this.#seek(from, to), part: (from, to) => this.#part(from, to) }
      : undefined;
  }

  async #endHere(response: Response): Promise<ByteSource> {
    await cancelBody(response);
    this.size = this.#received;
    this.#body = bytesSource(new Uint8Array(0));
    return this.#body;
  }

  async #changed(response: Response, found: string): Promise<CamelGPTError> {
    await cancelBody(response);
    return new CamelGPTError("network", `The download of ${shortUrl(this.#url)} broke off and cannot be resumed.`, {
      expected: `the file from byte ${this.#received} on`,
      found,
      hint: "Load the model again.",
    });
  }

  #lost(error: unknown): CamelGPTError {
    if (error instanceof TemporaryRefusal) return error.error;
    if (this.#received === 0) {
      return new CamelGPTError("network", `The download of ${shortUrl(this.#url)} failed: ${describe(error)}`, {
        expected: "an answer from the server",
        hint: "Check the address and the connection. In a browser the server must also allow this page by CORS.",
        cause: error,
      });
    }
    const reason = this.#validator === undefined ? ", and no ETag or date, which are needed to resume" : "";
    return new CamelGPTError("network", `The download of ${shortUrl(this.#url)} broke off: ${describe(error)}`, {
      expected: this.size === undefined ? "the whole file" : `${this.size} bytes`,
      found: `${this.#received} bytes${reason}`,
      hint: "Check the connection and load the model again.",
      cause: error,
    });
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function withTimeout<T>(work: Promise<T>, milliseconds: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing arrived for ${milliseconds / 1000} s`)), milliseconds);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

async function skip(body: ByteSource, bytes: number, timeout: number): Promise<void> {
  const scratch = new Uint8Array(Math.min(bytes, 1 << 16));
  for (let remaining = bytes; remaining > 0; ) {
    const count = await withTimeout(body.read(scratch.subarray(0, Math.min(remaining, scratch.length))), timeout);
    if (count === 0) throw endedEarly();
    remaining -= count;
  }
}

const endedEarly = () => new Error("the answer ended early");
