// Keys of a terminal → keys for the line editor. Pasted text becomes one line, and during an answer keys wait, but
// for Ctrl-C.
import { Transform, type TransformCallback } from "node:stream";

const ctrlC = 0x03;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
/** The marks that a terminal puts around pasted text, after it has been asked to. */
const pasteStart = "\x1b[200~";
const pasteEnd = "\x1b[201~";

/** Asks the terminal to mark pasted text, or to stop that. */
export const markPastes = { on: "\x1b[?2004h", off: "\x1b[?2004l" };

/** Keys that are typed during an answer wait for the next prompt, up to this number of bytes. */
const maxWaitingBytes = 64 << 10;

/** Signs for line breaks and tabs in a line of the editor. */
const lineBreakSign = "↵";
const tabSign = "⇥";

/** A text of several lines as one line. */
export function toOneLine(text: string): string {
  return text.replace(/\r\n?|\n/g, lineBreakSign).replaceAll("\t", tabSign);
}

/** The inverse of {@link toOneLine}. */
export function toLines(line: string): string {
  return line.replaceAll(lineBreakSign, "\n").replaceAll(tabSign, "\t");
}

/**
 * A stream for `readline`, between the terminal and the editor. It delivers keys up to the next Enter; the keys after
 * it wait until `release`.
 */
export class Keys extends Transform {
  readonly isTTY = true;
  readonly #terminal: NodeJS.ReadStream;
  #isHeld = true;
  /** Receives Ctrl-C while keys wait. */
  #onInterrupt: (() => void) | undefined;
  #waiting: Buffer = Buffer.alloc(0);
  /** The bytes of a mark of which only the beginning has arrived. */
  #markBegun = "";
  /** The bytes of a paste that has not ended. */
  #pasted: string | undefined;

  constructor(terminal: NodeJS.ReadStream) {
    super();
    this.#terminal = terminal;
    terminal.pipe(this);
  }

  setRawMode(isRaw: boolean): this {
    this.#terminal.setRawMode(isRaw);
    return this;
  }

  /** Until `release`, Ctrl-C calls `onInterrupt`, and other keys wait. */
  hold(onInterrupt: () => void): void {
    this.#isHeld = true;
    this.#onInterrupt = onInterrupt;
  }

  /** Delivers keys up to the next Enter. */
  release(): void {
    this.#isHeld = false;
    this.#onInterrupt = undefined;
    // The editor calls this while it handles a key, and cannot take the next one before it returns.
    setImmediate(() => {
      const keys = this.#waiting;
      if (this.#isHeld || keys.length === 0) return;
      this.#waiting = Buffer.alloc(0);
      this.#deliver(keys);
    });
  }

  /** Stops reading the terminal. */
  close(): void {
    this.#terminal.unpipe(this);
    this.#terminal.pause();
    this.end();
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const keys = this.#withoutPastes(chunk);
    if (this.#isHeld || this.#waiting.length > 0) this.#keep(keys);
    else this.#deliver(keys);
    done();
  }

  #deliver(keys: Buffer): void {
    const enter = keys.findIndex((key) => key === carriageReturn || key === lineFeed);
    if (enter < 0) {
      this.push(keys);
      return;
    }
    this.#isHeld = true;
    this.#keep(keys.subarray(enter + 1));
    this.push(keys.subarray(0, enter + 1));
  }

  #keep(keys: Buffer): void {
    const at = this.#onInterrupt ? keys.lastIndexOf(ctrlC) : -1;
    if (at >= 0) {
      this.#waiting = Buffer.alloc(0);
      this.#onInterrupt?.();
    }
    const all = Buffer.concat([this.#waiting, keys.subarray(at + 1)]);
    if (all.length <= maxWaitingBytes) this.#waiting = all;
  }

  /** Replaces pasted texts by single lines without control characters. */
  #withoutPastes(chunk: Buffer): Buffer {
    let input = this.#markBegun + chunk.toString("latin1");
    this.#markBegun = "";
    let keys = "";
    for (;;) {
      const mark = this.#pasted === undefined ? pasteStart : pasteEnd;
      const at = input.indexOf(mark);
      const end = at >= 0 ? at : input.length - beginningAtEnd(input, mark);
      if (this.#pasted === undefined) keys += input.slice(0, end);
      else this.#pasted += input.slice(0, end);
      if (at < 0) {
        this.#markBegun = input.slice(end);
        return Buffer.from(keys, "latin1");
      }
      input = input.slice(at + mark.length);
      if (this.#pasted !== undefined) {
        const text = Buffer.from(this.#pasted, "latin1")
          .toString("utf8")
          .replace(/[\r\n]+$/, "");
        keys += Buffer.from(toOneLine(text).replace(/\p{Cc}/gu, ""), "utf8").toString("latin1");
      }
      this.#pasted = this.#pasted === undefined ? "" : undefined;
    }
  }
}

/** How many characters at the end of the input may be the beginning of the mark. A single Escape is a key. */
function beginningAtEnd(input: string, mark: string): number {
  for (let length = Math.min(mark.length - 1, input.length); length > 1; length--) {
    if (input.endsWith(mark.slice(0, length))) return length;
  }
  return 0;
}
