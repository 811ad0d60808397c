// A running module: its calls with typed errors, and its linear memory as texts, arrays and records.
import type { MainModule } from "../../build/wasm/camelgpt.mjs";

import { CamelGPTError, describe, type ErrorCode } from "../errors.js";
import { decoder, readRecord, writeRecord } from "./layout.js";
import { type DeepPartial, failureLayout, places, type RecordLayout, type View, viewLayout } from "./records.js";

const encoder = new TextEncoder();

/**
 * Every method can throw a CamelGPTError. A trap (a bug in the engine, or an exhausted stack) becomes `engine-failed`,
 * and the death of a helper thread `worker-failed`; every later call throws the same error, because the memory can no
 * longer be trusted.
 */
export class Boundary {
  protected readonly memory: WebAssembly.Memory;
  readonly #module: MainModule;
  /** Address of the block of records. */
  readonly #records: number;
  #failure: CamelGPTError | undefined;

  protected constructor(memory: WebAssembly.Memory, module: MainModule) {
    this.memory = memory;
    this.#module = module;
    this.#records = module.recordsAddress();
  }

  // --- calls ---

  protected run<T>(work: (module: MainModule) => T): T {
    if (this.#failure) throw this.#failure;
    try {
      return work(this.#module);
    } catch (error) {
      if (error instanceof CamelGPTError) this.end(error); // from checkHelpers
      this.#failure ??= new CamelGPTError("engine-failed", `The engine failed: ${describe(error)}`, {
        hint: "Load the model again, and please report what led here.",
        cause: error,
      });
      throw this.#failure;
    }
  }

  /** Runs a call that returns whether it succeeded. */
  protected check(work: (module: MainModule) => boolean): void {
    if (!this.run(work)) throw this.#error();
  }

  /** Runs a call that returns whether it succeeded and shows a text. Returns a copy of its bytes. */
  protected checkBytes(work: (module: MainModule) => boolean): Uint8Array {
    this.check(work);
    return this.#shownBytes();
  }

  protected checkText(work: (module: MainModule) => boolean): string {
    return decoder.decode(this.checkBytes(work));
  }

  /** From now on every call throws this error. */
  protected end(error: CamelGPTError): void {
    this.#failure ??= error;
  }

  protected get hasEnded(): boolean {
    return this.#failure !== undefined;
  }

  #error(): CamelGPTError {
    this.run((module) => module.failure());
    const { code, message, ...details } = this.read("failure", failureLayout);
    return new CamelGPTError(code as ErrorCode, message, details);
  }

  // --- records ---

  protected read<T>(place: keyof typeof places, layout: RecordLayout<T>): T {
    return readRecord(this.#buffer, this.#records + places[place], layout);
  }

  /** Options that are not given take the core's defaults. */
  protected write<T>(place: keyof typeof places, layout: RecordLayout<T>, record: DeepPartial<T>): void {
    this.run((module) => module.resetOptions());
    writeRecord(this.#buffer, this.#records + places[place], layout, record);
  }

  /** Memory gets a new buffer when it grows, so each use creates its own view. */
  get #buffer(): ArrayBufferLike {
    return this.#module.HEAPU8.buffer;
  }

  // --- arrays and texts ---

  /** The array that `call` shows. */
  #view(call: (module: MainModule) => void): View {
    this.run(call);
    return this.read("view", viewLayout);
  }

  /** Valid until the next call. */
  protected bytesOf(call: (module: MainModule) => void): Uint8Array {
    const { address, size } = this.#view(call);
    return new Uint8Array(this.#buffer, address, size);
  }

  protected recordsOf<T>(call: (module: MainModule) => void, layout: RecordLayout<T>): T[] {
    const { address, size } = this.#view(call);
    return Array.from({ length: size }, (_, i) => readRecord(this.#buffer, address + i * layout.size, layout));
  }

  protected floatsOf(call: (module: MainModule) => void): Float32Array {
    const { address, size } = this.#view(call);
    return new Float32Array(this.#buffer, address, size).slice();
  }

  /** The text that `call` shows. */
  protected textOf(call: (module: MainModule) => void): string {
    this.run(call);
    return decoder.decode(this.#shownBytes());
  }

  /** A copy, because a decoder rejects shared memory. */
  #shownBytes(): Uint8Array {
    const { address, size } = this.read("view", viewLayout);
    return new Uint8Array(this.#buffer, address, size).slice();
  }

  protected tokensOf(call: (module: MainModule) => void): number[] {
    const { address, size } = this.#view(call);
    return Array.from(new Int32Array(this.#buffer, address, size));
  }

  /** The text that the last call returned. */
  protected output(): string {
    return this.textOf((module) => module.showOutput());
  }

  protected outputBytes(): Uint8Array<ArrayBuffer> {
    return this.bytesOf((module) => module.showOutput()).slice();
  }

  /** Stores a text for the next call and returns its size in bytes. */
  protected putText(text: string): number {
    return this.putBytes(encoder.encode(text), "the text");
  }

  /** Stores bytes for the next call and returns their number. */
  protected putBytes(bytes: Uint8Array, what: string): number {
    const address = this.run((module) => module.textBuffer(bytes.length));
    if (address === 0 && bytes.length > 0) throw noMemoryFor(what, bytes.length);
    new Uint8Array(this.#buffer, address, bytes.length).set(bytes);
    return bytes.length;
  }

  /** Stores tokens for the next call and returns their number. */
  protected putTokens(tokens: readonly number[]): number {
    const address = this.run((module) => module.tokenBuffer(tokens.length));
    if (address === 0 && tokens.length > 0) throw noMemoryFor("the tokens", tokens.length * 4);
    new Int32Array(this.#buffer, address, tokens.length).set(tokens);
    return tokens.length;
  }
}

/** The offsets in UTF-8 of ascending offsets in UTF-16. */
export function byteOffsets(text: string, offsets: readonly number[]): number[] {
  let at = 0;
  let bytes = 0;
  return offsets.map((offset) => {
    bytes += encoder.encode(text.slice(at, offset)).length;
    at = offset;
    return bytes;
  });
}

export function noMemoryFor(what: string, bytes: number): CamelGPTError {
  return new CamelGPTError("out-of-memory", `There is not enough memory for ${what}.`, { expected: `${bytes} bytes` });
}
