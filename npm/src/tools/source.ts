// A text that arrives in pieces, for parsers written as generators: they yield when they need more of it. Text
// that was read is dropped, so that a piece costs time in proportion to its own length.

/** A parser that waits for more text at each `yield`. */
export type Reading<T> = Generator<undefined, T, undefined>;

/** A JSON value as it stands in a text. */
export interface JsonText {
  text: string;
  /** False if the text ended within it. */
  isComplete: boolean;
}

const white = /\s/;
const wordCharacter = /[A-Za-z0-9_.-]/;

export class Source {
  #text = "";
  #at = 0;
  #isEnded = false;

  push(piece: string): void {
    this.#text = this.#text.slice(this.#at) + piece;
    this.#at = 0;
  }

  /** No piece follows. */
  end(): void {
    this.#isEnded = true;
  }

  /** Puts a text that was read back in front of the rest. */
  unread(text: string): void {
    const from = this.#at - text.length;
    if (from >= 0 && this.#text.startsWith(text, from)) this.#at = from;
    else [this.#text, this.#at] = [text + this.#text.slice(this.#at), 0];
  }

  /** The text that has been received but not read. */
  get rest(): string {
    return this.#text.slice(this.#at);
  }

  /** The next UTF-16 unit, or an empty text at the end. */
  *peek(): Reading<string> {
    while (this.#at >= this.#text.length && !this.#isEnded) yield;
    return this.#text.charAt(this.#at);
  }

  /** Whether the text continues with `word`. */
  *startsWith(word: string): Reading<boolean> {
    while (this.#text.length - this.#at < word.length && !this.#isEnded) {
      if (!word.startsWith(this.#text.slice(this.#at))) return false;
      yield;
    }
    return this.#text.startsWith(word, this.#at);
  }

  /** Reads `word` if the text continues with it. */
  *skip(word: string): Reading<boolean> {
    if (!(yield* this.startsWith(word))) return false;
    this.#at += word.length;
    return true;
  }

  /** Reads `word`, or at the end of the text a beginning of it. */
  *skipCut(word: string): Reading<boolean> {
    if (yield* this.skip(word)) return true;
    const rest = this.#text.slice(this.#at);
    if (!this.#isEnded || !word.startsWith(rest)) return false;
    this.#at = this.#text.length;
    return true;
  }

  /** Reads the white space that comes next. */
  *space(): Reading<string> {
    return yield* this.#while(white);
  }

  /** Reads the letters, digits, dots, hyphens and underscores that come next. */
  *word(): Reading<string> {
    return yield* this.#while(wordCharacter);
  }

  /** Reads `count` UTF-16 units, or fewer at the end. */
  *take(count: number): Reading<string> {
    let found = "";
    while (found.length < count) {
      const next = yield* this.peek();
      if (next === "") break;
      found += next;
      this.#at++;
    }
    return found;
  }

  *#while(kind: RegExp): Reading<string> {
    let found = "";
    for (;;) {
      const next = yield* this.peek();
      if (next === "" || !kind.test(next)) return found;
      found += next;
      this.#at++;
    }
  }

  /**
   * Reads up to the first of the `stops` and that stop itself; `stop` is missing if the text ended before one. Calls
   * `onText` with the text before it as it arrives.
   */
  *until(stops: readonly string[], onText: (text: string) => void): Reading<string | undefined> {
    for (;;) {
      let [at, stop]: [number, string | undefined] = [Infinity, undefined];
      for (const each of stops) {
        const found = this.#text.indexOf(each, this.#at);
        if (found >= 0 && found < at) [at, stop] = [found, each];
      }
      // A stop that has begun at the end of the text can still become the first one.
      const end = stop !== undefined ? at : this.#isEnded ? this.#text.length : this.#openEnd(stops);
      if (end > this.#at) onText(this.#text.slice(this.#at, end));
      this.#at = end + (stop?.length ?? 0);
      if (stop !== undefined || this.#isEnded) return stop;
      yield;
    }
  }

  /** Where the longest ending of the text starts that may become one of the stops. */
  #openEnd(stops: readonly string[]): number {
    const { length } = this.#text;
    const longest = Math.max(0, ...stops.map((stop) => stop.length - 1));
    for (let from = Math.max(this.#at, length - longest); from < length; from++) {
      const ending = this.#text.slice(from);
      if (stops.some((stop) => stop.startsWith(ending))) return from;
    }
    return length;
  }

  /**
   * Reads a JSON value, or what looks like one from its brackets and quotes. `quotes` are the characters that may
   * enclose a text.
   */
  *json(quotes = '"'): Reading<JsonText> {
    let text = "";
    let depth = 0;
    let [isEscaped, isPlain] = [false, false];
    let quote = "";
    for (;;) {
      const from = this.#at;
      for (; this.#at < this.#text.length; this.#at++) {
        const unit = this.#text.charAt(this.#at);
        if (quote !== "") {
          if (isEscaped) isEscaped = false;
          else if (unit === "\\") isEscaped = true;
          else if (unit === quote) {
            quote = "";
            if (depth === 0) return this.#taken(text, from, 1);
          }
        } else if (quotes.includes(unit)) {
          if (isPlain) return this.#taken(text, from, 0);
          quote = unit;
        } else if (unit === "{" || unit === "[") {
          if (isPlain) return this.#taken(text, from, 0);
          depth++;
        } else if (unit === "}" || unit === "]") {
          if (depth === 0) return this.#taken(text, from, 0);
          if (--depth === 0) return this.#taken(text, from, 1);
        } else if (depth === 0) {
          if (unit === "," || unit === "<" || white.test(unit)) return this.#taken(text, from, 0);
          isPlain = true;
        }
      }
      text += this.#text.slice(from);
      if (this.#isEnded) return { text, isComplete: isPlain && depth === 0 };
      yield;
    }
  }

  #taken(text: string, from: number, more: number): JsonText {
    this.#at += more;
    return { text: text + this.#text.slice(from, this.#at), isComplete: true };
  }
}
