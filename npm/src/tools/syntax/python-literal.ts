// Python's literals → values: texts in either quotes, numbers, True, False, None, lists, tuples and dictionaries. The
// words of JSON are read too.

const maxDepth = 64;
export const pythonWords: Readonly<Record<string, boolean | null>> = {
  True: true,
  False: false,
  None: null,
  true: true,
  false: false,
  null: null,
};
const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", v: "\v", a: "\x07" };

export class PythonReader {
  readonly #text: string;
  at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  space(): void {
    while (/\s/.test(this.#text.charAt(this.at))) this.at++;
  }

  get isAtEnd(): boolean {
    this.space();
    return this.at >= this.#text.length;
  }

  isNext(text: string): boolean {
    this.space();
    return this.#text.startsWith(text, this.at);
  }

  skip(text: string): boolean {
    const isNext = this.isNext(text);
    if (isNext) this.at += text.length;
    return isNext;
  }

  expect(text: string): void {
    if (!this.skip(text)) this.#fail(text);
  }

  word(): string {
    this.space();
    return this.#match(/[\w.-]+/y) ?? this.#fail("a name");
  }

  /** `key=value, …` up to `end`. */
  named(end: string): Map<string, unknown> {
    const values = new Map<string, unknown>();
    while (!this.skip(end)) {
      this.space();
      const key = this.#match(/[^=,()[\]'"]+/y)?.trim() ?? this.#fail("a name");
      this.expect("=");
      values.set(key, this.value(0));
      if (!this.isNext(end)) this.expect(",");
    }
    return values;
  }

  value(depth: number): unknown {
    if (depth > maxDepth) throw new Error(`it nests more than ${maxDepth} levels deep`);
    this.space();
    const next = this.#text.charAt(this.at);
    if (next === '"' || next === "'") return this.#string(next);
    if (this.skip("[")) return this.#list("]", depth);
    if (this.skip("(")) return this.#list(")", depth);
    if (this.skip("{")) return this.#dictionary(depth);
    const number = this.#match(/[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?/y);
    if (number !== undefined) return Number(number);
    const word = this.#match(/[A-Za-z]+/y) ?? "";
    if (Object.hasOwn(pythonWords, word)) return pythonWords[word];
    this.at -= word.length;
    return this.#fail("a value");
  }

  #list(end: string, depth: number): unknown[] {
    const items: unknown[] = [];
    while (!this.skip(end)) {
      items.push(this.value(depth + 1));
      if (!this.isNext(end)) this.expect(",");
    }
    return items;
  }

  #dictionary(depth: number): Record<string, unknown> {
    const entries: [string, unknown][] = [];
    while (!this.skip("}")) {
      const key = this.value(depth + 1);
      this.expect(":");
      entries.push([String(key), this.value(depth + 1)]);
      if (!this.isNext("}")) this.expect(",");
    }
    return Object.fromEntries(entries);
  }

  #string(quote: string): string {
    const triple = quote.repeat(3);
    const end = this.#text.startsWith(triple, this.at) ? triple : quote;
    this.at += end.length;
    const from = this.at;
    while (!this.#text.startsWith(end, this.at)) {
      if (this.at >= this.#text.length) this.#fail(end);
      this.at += this.#text.charAt(this.at) === "\\" ? 2 : 1;
    }
    const body = this.#text.slice(from, this.at);
    this.at += end.length;
    return body.replace(
      /\\(?:u([\da-fA-F]{4})|x([\da-fA-F]{2})|U([\da-fA-F]{8})|([\s\S]))/g,
      (_all, u, x, long, other) => {
        const code: unknown = u ?? x;
        if (typeof code === "string") return String.fromCharCode(Number.parseInt(code, 16));
        if (typeof long === "string") return codePoint(Number.parseInt(long, 16));
        const letter = String(other);
        if (letter === "\n") return "";
        return escapes[letter] ?? (/["'\\/]/.test(letter) ? letter : `\\${letter}`);
      },
    );
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.#text)?.[0];
    this.at += found?.length ?? 0;
    return found;
  }

  #fail(expected: string): never {
    throw new Error(`expected ${expected} at character ${this.at}`);
  }
}

function codePoint(code: number): string {
  return code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd";
}
