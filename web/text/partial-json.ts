// Pieces of a JSON text → the value so far, while it arrives.
import type { GenerationResult } from "../types.js";

/** An array or object whose end has not arrived. */
interface Open {
  /** Its complete entries. */
  readonly value: unknown[] | Record<string, unknown>;
  entries: number;
  /** The key of the entry that is arriving, in an object. */
  key: string;
}

/** The kinds of characters that can come next. */
type Expects = "value" | "first-value" | "first-key" | "key" | "colon" | "comma" | "end";

const escapes: Record<string, string> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};
const literals: Record<string, unknown> = { true: true, false: false, null: null };
const longestWord = 5;
const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Entries that snapshots can copy for each character that has arrived, which keeps their time linear. */
const copiesPerCharacter = 16;
/** Entries that they can copy before that limit matters. Few answers reach it. */
const freeCopies = 1 << 18;

/**
 * Reads a JSON text in pieces. The value only grows: texts can be incomplete, and numbers, keys and the words `true`,
 * `false` and `null` appear when they are complete. Takes time linear in the length of the text, and no recursion.
 */
export class PartialJson {
  readonly #open: Open[] = [];
  #expects: Expects = "value";
  /** The value, once it is complete. */
  #root: unknown;
  /** The text of a string that is arriving, without what is not decoded yet. */
  #string: string | undefined;
  /** Whether that string is a key. */
  #isKey = false;
  /** An escape sequence whose end has not arrived, from its backslash. */
  #escape = "";
  /** The first half of a surrogate pair, whose other half has not arrived. */
  #high = "";
  /** A number or a word whose end has not arrived. */
  #literal = "";
  #isBroken = false;
  #hasChanged = false;
  /** All open arrays and objects, and their entries: what a snapshot copies. */
  #openSize = 0;
  /** Entries that snapshots can still copy. */
  #copies = freeCopies;

  /** Whether the text is not JSON. Further pieces are ignored. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Adds a piece of the text. */
  add(piece: string): void {
    this.#copies += piece.length * copiesPerCharacter;
    let at = 0;
    while (at < piece.length && !this.#isBroken) {
      if (this.#string !== undefined) at = this.#addToString(piece, at);
      else if (this.#literal !== "") at = this.#addToLiteral(piece, at);
      else this.#addChar(piece[at++] as string);
    }
  }

  /**
   * Returns the value so far, or undefined if nothing has been added to it since the last call. The arrays and objects
   * that are still open are copies; the others are shared with earlier values and do not change. In very large values
   * a change can be left to a later call.
   */
  snapshot(): { value: unknown } | undefined {
    if (!this.#hasChanged) return undefined;
    if (this.#openSize > this.#copies) return undefined;
    this.#copies -= this.#openSize;
    this.#hasChanged = false;
    let child: { value: unknown } | undefined =
      this.#string !== undefined && !this.#isKey ? { value: this.#string } : undefined;
    for (let i = this.#open.length - 1; i >= 0; i--) {
      const { value, key } = this.#open[i] as Open;
      const copy = Array.isArray(value) ? [...value] : { ...value };
      if (child) add(copy, key, child.value);
      child = { value: copy };
    }
    return child ?? { value: this.#root };
  }

  #addChar(char: string): void {
    if (/[ \n\r\t]/.test(char)) return;
    const expects = this.#expects;
    const isValue = expects === "value" || expects === "first-value";
    const isKey = expects === "key" || expects === "first-key";
    if (char === '"' && (isValue || isKey)) {
      this.#string = "";
      this.#isKey = isKey;
      this.#hasChanged ||= !isKey;
    } else if (isValue && (char === "{" || char === "[")) {
      this.#open.push({ value: char === "{" ? {} : [], entries: 0, key: "" });
      this.#openSize++;
      this.#expects = char === "{" ? "first-key" : "first-value";
      this.#hasChanged = true;
    } else if (isValue && /[-\dtfn]/.test(char)) {
      this.#literal = char;
    } else if (char === ":" && expects === "colon") {
      this.#expects = "value";
    } else if (char === "," && expects === "comma") {
      this.#expects = Array.isArray(this.#open.at(-1)?.value) ? "value" : "key";
    } else if (this.#canClose(char)) {
      const { value, entries } = this.#open.pop() as Open;
      this.#openSize -= entries + 1;
      this.#put(value);
    } else {
      this.#isBroken = true;
    }
  }

  #canClose(char: string): boolean {
    const open = this.#open.at(-1);
    if (!open || char !== (Array.isArray(open.value) ? "]" : "}")) return false;
    return this.#expects === "comma" || this.#expects === "first-key" || this.#expects === "first-value";
  }

  /** Returns the position after what it has read. */
  #addToString(piece: string, from: number): number {
    let at = from;
    if (this.#escape !== "") {
      this.#escape += piece[at++];
      this.#endEscape();
      return at;
    }
    while (at < piece.length && piece[at] !== '"' && piece[at] !== "\\" && piece.charCodeAt(at) >= 0x20) at++;
    if (at > from) this.#append(piece.slice(from, at));
    if (at === piece.length) return at;
    if (piece[at] === "\\") {
      this.#escape = "\\";
    } else if (piece[at] === '"') {
      this.#append("", true);
      this.#endString();
    } else {
      this.#isBroken = true;
    }
    return at + 1;
  }

  #endEscape(): void {
    const kind = this.#escape[1] as string;
    if (kind === "u") {
      if (!/^\\u[\da-fA-F]{0,4}$/.test(this.#escape)) this.#isBroken = true;
      if (this.#escape.length < 6) return;
      this.#append(String.fromCharCode(parseInt(this.#escape.slice(2), 16)));
    } else if (Object.hasOwn(escapes, kind)) {
      this.#append(escapes[kind] as string);
    } else {
      this.#isBroken = true;
    }
    this.#escape = "";
  }

  /** Half a surrogate pair at the end waits for the other half, unless the string `ends`. */
  #append(text: string, ends = false): void {
    const all = this.#high + text;
    const last = all.charCodeAt(all.length - 1);
    const isHalf = !ends && last >= 0xd800 && last < 0xdc00;
    this.#high = isHalf ? all.slice(-1) : "";
    const whole = isHalf ? all.slice(0, -1) : all;
    this.#string += whole;
    this.#hasChanged ||= whole !== "" && !this.#isKey;
  }

  #endString(): void {
    const text = this.#string as string;
    this.#string = undefined;
    if (!this.#isKey) {
      this.#put(text);
      return;
    }
    (this.#open.at(-1) as Open).key = text;
    this.#expects = "colon";
  }

  /** Returns the position of the character that ends the literal, or the length of the piece. */
  #addToLiteral(piece: string, from: number): number {
    let at = from;
    while (at < piece.length && /[-+.\w]/.test(piece[at] as string)) at++;
    this.#literal += piece.slice(from, at);
    // The words end with their last letter, and a number with what follows it.
    const isWord = this.#literal.length <= longestWord && Object.hasOwn(literals, this.#literal);
    if (at < piece.length || isWord) this.#endLiteral();
    return at;
  }

  #endLiteral(): void {
    const text = this.#literal;
    this.#literal = "";
    if (Object.hasOwn(literals, text)) this.#put(literals[text]);
    else if (number.test(text)) this.#put(Number(text));
    else this.#isBroken = true;
  }

  /** Adds a complete value to the innermost open array or object. */
  #put(value: unknown): void {
    this.#hasChanged = true;
    const open = this.#open.at(-1);
    if (open) {
      add(open.value, open.key, value);
      open.entries++;
      this.#openSize++;
    } else {
      this.#root = value;
    }
    this.#expects = open ? "comma" : "end";
  }
}

/** The code of `TextStream.objectStream`. */
export async function* partialObjects<T>(
  stream: AsyncIterable<string> & PromiseLike<GenerationResult>,
): AsyncGenerator<T, void, undefined> {
  const json = new PartialJson();
  for await (const piece of stream) {
    json.add(piece);
    const next = json.snapshot();
    if (next) yield next.value as T;
  }
  const { object } = await stream;
  if (object !== undefined) yield object as T;
}

/** Adds an entry as JSON.parse does: `__proto__` is a property like others. */
function add(to: unknown[] | Record<string, unknown>, key: string, value: unknown): void {
  if (Array.isArray(to)) to.push(value);
  else if (key === "__proto__")
    Object.defineProperty(to, key, { value, enumerable: true, configurable: true, writable: true });
  else to[key] = value;
}
