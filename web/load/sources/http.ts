// A URL → its bytes, resumed after broken connections, or an error that describes the server's response.
import { abortedError, CamelGPTError, describe, orAborted, throwIfAborted } from "../../errors.js";
import { withTimeout } from "../../timeout.js";
import { fileName, shortUrl } from "../names.js";
import { type Answer, describeAnswer, isProof, isSameVersion, type Version } from "./http-answer.js";
import type { HttpOptions } from "./http-options.js";
import { cancelBody, checkUnpacked, refusalOf, rejectHtml, TemporaryRefusal } from "./http-response.js";
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
/** Milliseconds to wait for the answer that tells the size of a file. */
const maxSizeWait = 3000;
/** Bytes that are requested again to recognise a file without ETag and date. */
const maxOverlap = 16 << 10;
/** Refusals of a range by servers that may send the whole file: 403, for example, by firewalls. */
const rangeRefusals = [400, 403, 405, 406, 412, 416, 501];

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
 * One file, over as many connections as necessary. A later connection requests the remaining bytes. Its answer must
 * have the same version (ETag or date) and total as the first one, or the bytes before must be the same. If-Range would
 * let the server compare, but cross-origin pages may not send it without a preflight request.
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
  /** The version of the first answer. */
  #version: Version | undefined;
  /** Whether all answers are compared, since the server does not tell the range or the version of one. */
  #comparesAll = false;
  /** The bytes before the next one, to compare them with those of another connection. */
  #tail: Uint8Array = new Uint8Array(0);
  /** Whether to request the whole file, since the server refuses ranges. */
  #isPlain = false;
  /** Whether a part arrived together with all bytes before it. */
  #ignoresRange = false;
  /** The request of a part, which is sent before the part is read. */
  #opening: Promise<void> | undefined;
  #isClosed = false;
  #control: AbortController | undefined;
  #body: ByteSource | undefined;
  /** Describes the open body; `begin` is the first byte that was read from it. */
  #answer: (Pick<Answer, "isPart" | "to" | "limit"> & { begin: number }) | undefined;
  /** The size of a file that is not sent in parts. */
  exactSize: number | undefined;
  #failures = 0;
  #receivedAtFailure = 0;

  constructor(url: string, options: HttpOptions) {
    this.#url = url;
    this.#options = options;
    this.name = fileName(url, true);
  }

  async open(): Promise<void> {
    await this.#retry(() => this.#connect());
  }

  async opened(): Promise<void> {
    await this.#opening;
    if (this.#ignoresRange) throw this.#changed("the whole file");
  }

  read(target: Uint8Array): Promise<number> {
    return this.#retry(async () => {
      await this.#opening?.catch(() => {}); // tries again and reports the error
      for (;;) {
        const wanted = target.subarray(0, (this.#end ?? Infinity) - this.#received);
        if (wanted.length === 0) return 0;
        const body = await this.#connect();
        const count = await withTimeout(body.read(wanted), this.#options.timeout);
        this.#received += count;
        checkUnpacked(this.#url, this.#received, this.#answer?.limit);
        if (count > 0) this.#keepTail(wanted.subarray(0, count));
        if (count > 0 || this.#isAtEnd()) return count;
        const { begin, to = 0 } = this.#answer ?? { begin: Infinity };
        if (this.#received <= begin || this.#received < to) throw endedEarly();
        await this.#disconnect(); // the server sent less than the requested range
      }
    });
  }

  /** Keeps the connection if the next one could not be compared with it. */
  async pause(): Promise<void> {
    if (this.#isProven()) await this.#disconnect();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#disconnect();
  }

  async #seek(from: number, to: number): Promise<void> {
    await this.#disconnect();
    [this.#received, this.#end, this.#isPlain] = [from, to, false];
    this.#receivedAtFailure = from;
    this.#tail = new Uint8Array(0);
  }

  #part(from: number, to: number): Download {
    // Without the signal: the reader of a part closes it, and many parts would each add a listener.
    const part = new Download(this.#url, { ...this.#options, signal: undefined });
    [part.#received, part.#receivedAtFailure, part.#end, part.size] = [from, from, to, this.size];
    part.#version = this.#version;
    part.#opening = part.open();
    part.#opening.catch(() => {});
    return part;
  }

  async #disconnect(): Promise<void> {
    const [body, control] = [this.#body, this.#control];
    this.#body = this.#control = this.#answer = undefined;
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
        const maxFailures = this.#version ? retries : Math.min(retries, maxFirstRetries);
        if (this.#failures >= maxFailures) throw this.#lost(error);
        const delay = Math.min(maxDelay, firstDelay * 2 ** this.#failures++);
        // The request of a range may be what failed, in a page that needs the server's permission for it.
        if (!this.#version && this.#failures === maxFailures) this.#isPlain = true;
        const requested = error instanceof TemporaryRefusal ? error.delay : 0;
        // Random, so that clients that lost a server at the same moment do not return at the same moment.
        await orAborted(sleep(Math.max(delay * (0.75 + Math.random() / 2), requested)), signal);
      }
    }
  }

  #isAtEnd(): boolean {
    const end = this.#end ?? this.size;
    // A file of unknown size that comes in parts ends where the server has no further part.
    return end === undefined ? !this.#answer?.isPart : this.#received >= end;
  }

  #isProven(): boolean {
    return !!this.#options.verified || (this.#version !== undefined && isProof(this.#version));
  }

  #keepTail(bytes: Uint8Array): void {
    if (this.#options.verified && !this.#comparesAll) return;
    const before = this.#tail.subarray(Math.max(0, this.#tail.length + bytes.length - maxOverlap));
    const added = bytes.subarray(-maxOverlap);
    this.#tail = new Uint8Array(before.length + added.length);
    this.#tail.set(before);
    this.#tail.set(added, before.length);
  }

  /** Requests the file, or a range of it. */
  #request(range: string | undefined, timeout = this.#options.timeout): Promise<Response> {
    const { headers, allow, fetch: request = (address, init) => fetch(address, init) } = this.#options;
    this.#control ??= new AbortController();
    const { signal } = this.#control;
    const init = { headers: range ? { ...headers, range } : headers, signal };
    return withTimeout(request(this.#url, init, allow), timeout);
  }

  /** Returns the open body, or requests the file from the next byte on. */
  async #connect(): Promise<ByteSource> {
    const url = this.#url;
    while (!this.#body) {
      const from = this.#received - (this.#isProven() && !this.#comparesAll ? 0 : this.#tail.length);
      const isRange = !this.#isPlain && (this.#options.ranges || from > 0 || this.#end !== undefined);
      const range = `bytes=${from}-${this.#end === undefined ? "" : this.#end - 1}`;
      const response = await this.#request(isRange ? range : undefined);
      if (isRange && this.#isPastEnd(response)) {
        await cancelBody(response);
        this.size = this.#received;
        this.#body = bytesSource(new Uint8Array(0));
        break;
      }
      const answer = response.ok ? describeAnswer(response, isRange ? from : undefined, this.size) : undefined;
      if (isRange && (response.ok ? !answer : rangeRefusals.includes(response.status))) {
        await cancelBody(response);
        this.#isPlain = true;
        continue;
      }
      if (!response.ok) throw await refusalOf(url, response);
      await rejectHtml(url, response);
      if (!response.body || !answer) {
        throw new CamelGPTError("http-error", `${shortUrl(url)} has no content.`, {
          expected: "a GGUF file",
          found: `HTTP ${response.status} without the file`,
        });
      }
      const isFirst = !this.#version || (this.#received === 0 && this.#end === undefined);
      const problem = answer.from > from ? "another part of the file" : !isFirst && this.#compare(answer);
      if (problem) {
        await cancelBody(response);
        throw this.#changed(problem);
      }
      if (isFirst) await this.#identify(answer);
      else if (answer.from === this.#received && this.#tail.length > 0 && !this.#isSame(answer.version)) {
        await cancelBody(response);
        this.#comparesAll = true; // requests the bytes before too
        continue;
      }
      this.#ignoresRange = from - answer.from > maxOverlap;
      const body = streamSource(response.body, this.name, answer.total, (error) => error);
      await this.#align(body, answer);
      // The server repeats the bytes before, and has no further ones.
      if (answer.isPart && this.size === undefined && answer.to === this.#received) this.size = this.#received;
      this.#answer = { isPart: answer.isPart, to: answer.to, limit: answer.limit, begin: this.#received };
      this.#body = body;
    }
    return this.#body;
  }

  /** Whether the server refuses a range because the file ends before it. The first answer may have been too long. */
  #isPastEnd({ status, headers }: Response): boolean {
    return status === 416 && this.#received > 0 && headers.get("content-range") === `bytes */${this.#received}`;
  }

  /** Takes the version and the size of the file from the first answer. */
  async #identify({ isPart, isUnnamed, to, total, version }: Answer): Promise<void> {
    [this.#version, this.size, this.ranges] = [version, total, undefined];
    this.exactSize = isPart ? undefined : total;
    this.#comparesAll = isUnnamed;
    // Later answers must be comparable with this one.
    if (!isPart || !((total !== undefined && !isUnnamed) || version.etag || this.#isProven())) return;
    // Pages may not see the size of a file of another origin. A range after its end is refused, or empty.
    if (total === undefined && to !== undefined && this.#options.ranges) {
      const response = await this.#request(`bytes=${to}-`, maxSizeWait).catch(() => undefined);
      if (response) await cancelBody(response);
      if (response?.status === 416 || response?.headers.get("content-length") === "0") this.size = to;
    }
    if (this.size !== undefined) {
      this.ranges = { seek: (start, end) => this.#seek(start, end), part: (start, end) => this.#part(start, end) };
    }
  }

  /** Undefined if the answers do not tell. */
  #isSame(version: Version): boolean | undefined {
    return this.#options.verified || isSameVersion(this.#version as Version, version);
  }

  /** Returns how an answer contradicts the first one. */
  #compare({ isPart, total, version }: Answer): string | undefined {
    const isSame = this.#isSame(version);
    if (isSame === false) return "another version of the file";
    if (this.size !== undefined && total !== undefined && total !== this.size) {
      // The first answer may have announced more bytes than there are.
      if (total !== this.#received) return "a file of another size";
      this.size = total;
    }
    if (isPart) this.size ??= total;
    const canCompare = total !== undefined || this.#tail.length > 0;
    return isSame || canCompare ? undefined : "a file without ETag, date and length";
  }

  /** Skips the bytes that have arrived already, and compares the last ones. */
  async #align(body: ByteSource, { from, isUnnamed }: Answer): Promise<void> {
    const scratch = new Uint8Array(maxOverlap);
    const tail = this.#tail;
    const tailStart = this.#received - tail.length;
    for (let at = from; at < this.#received; ) {
      const size = Math.min(scratch.length, (at < tailStart ? tailStart : this.#received) - at);
      const count = await withTimeout(body.read(scratch.subarray(0, size)), this.#options.timeout);
      if (count === 0) throw endedEarly();
      const isSame = at < tailStart || scratch.subarray(0, count).every((byte, i) => byte === tail[at - tailStart + i]);
      if (!isSame && isUnnamed && !this.#isPlain) {
        this.#isPlain = true;
        throw new Error("the answer has another range"); // tries again
      }
      if (!isSame) throw this.#changed("other bytes");
      at += count;
    }
  }

  #changed(found: string): CamelGPTError {
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
    return new CamelGPTError("network", `The download of ${shortUrl(this.#url)} broke off: ${describe(error)}`, {
      expected: this.size === undefined ? "the whole file" : `${this.size} bytes`,
      found: `${this.#received} bytes`,
      hint: "Check the connection and load the model again.",
      cause: error,
    });
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

const endedEarly = () => new Error("the answer ended early");
