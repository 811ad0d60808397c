// A readable recogniser of GBNF, against which grammars and the engine are checked. It finds, for each part of the
// grammar and each place of the text, all places where the part may end, and remembers them.

/** Parses a grammar and returns its recogniser. */
export function parseGrammar(source) {
  const rules = new Parser(source).parse();
  if (!rules.has("root")) throw new Error("the grammar has no rule root");
  for (const { name } of references(rules)) if (!rules.has(name)) throw new Error(`the rule ${name} is not defined`);
  return new Recogniser(rules);
}

/** Parses a grammar to its rules, by their names. */
export const parseRules = (source) => new Parser(source).parse();

/** `"complete"`, `"prefix"` (more text can complete it) or `"mismatch"`, and the byte where the text went wrong. */
export const match = (grammar, text) => parseGrammar(grammar).match(text);

class Recogniser {
  #rules;
  #bytes;
  #memory;
  #furthest;
  #wantsMore;

  constructor(rules) {
    this.#rules = rules;
  }

  match(text) {
    this.#bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    this.#memory = new Map();
    this.#furthest = 0;
    this.#wantsMore = false;
    const ends = this.#ends({ kind: "rule", name: "root" }, 0);
    if (ends.includes(this.#bytes.length)) return { state: "complete", at: this.#bytes.length };
    return { state: this.#wantsMore ? "prefix" : "mismatch", at: this.#furthest };
  }

  accepts(text) {
    return this.match(text).state === "complete";
  }

  /** All places where a match of `node` from `start` ends, in ascending order. */
  #ends(node, start) {
    if (node.kind === "text" || node.kind === "set") return this.#terminalEnds(node, start);
    const key = node.kind === "rule" ? this.#rules.get(node.name) : node;
    let known = this.#memory.get(key);
    if (!known) this.#memory.set(key, (known = new Map()));
    const ends = known.get(start);
    if (ends === "open") throw new Error(`the rule ${node.name} is left-recursive`);
    if (ends) return ends;
    known.set(start, "open");
    const result = this.#compute(key, start);
    known.set(start, result);
    return result;
  }

  #compute(node, start) {
    switch (node.kind) {
      case "choice":
        return union(node.items.map((item) => this.#ends(item, start)));
      case "sequence": {
        let places = [start];
        for (const item of node.items) places = union(places.map((place) => this.#ends(item, place)));
        return places;
      }
      case "repeat":
        return this.#repeated(node, start);
      default:
        return this.#ends(node, start);
    }
  }

  #repeated({ item, min, max }, start) {
    let places = [start];
    const found = new Set(min === 0 ? places : []);
    for (let count = 1; count <= max && places.length > 0; count++) {
      const next = union(places.map((place) => this.#ends(item, place)));
      // From the lower bound on, only new places matter.
      places = count > min ? next.filter((place) => !found.has(place)) : next;
      if (count >= min) for (const place of places) found.add(place);
      if (count < min && next.length === 1 && next[0] === start) count = min - 1; // the item is empty
    }
    return [...found].sort((a, b) => a - b);
  }

  #terminalEnds(node, start) {
    if (start > this.#furthest) this.#furthest = start;
    return node.kind === "text" ? this.#textEnds(node.bytes, start) : this.#setEnds(node, start);
  }

  #textEnds(bytes, start) {
    for (let i = 0; i < bytes.length; i++) {
      if (start + i === this.#bytes.length) {
        this.#furthest = this.#bytes.length;
        this.#wantsMore = true;
        return [];
      }
      if (this.#bytes[start + i] !== bytes[i]) {
        this.#furthest = Math.max(this.#furthest, start + i);
        return [];
      }
    }
    return [start + bytes.length];
  }

  #setEnds({ ranges, isNegative }, start) {
    const first = this.#bytes[start];
    if (first === undefined) {
      this.#wantsMore = true;
      return [];
    }
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    const bytes = this.#bytes.subarray(start, start + length);
    if (bytes.length < length) {
      this.#wantsMore = true; // not exact: the rest of the character may be outside of the set
      return [];
    }
    const point = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes).codePointAt(0);
    return ranges.some(([low, high]) => point >= low && point <= high) !== isNegative ? [start + length] : [];
  }
}

function union(lists) {
  if (lists.length === 1) return lists[0];
  return [...new Set(lists.flat())].sort((a, b) => a - b);
}

function* references(rules) {
  const pending = [...rules.values()];
  for (let node = pending.pop(); node; node = pending.pop()) {
    if (node.kind === "rule") yield node;
    pending.push(...(node.items ?? (node.item ? [node.item] : [])));
  }
}

class Parser {
  #source;
  #at = 0;

  constructor(source) {
    this.#source = source;
  }

  parse() {
    const rules = new Map();
    for (this.#space(true); this.#at < this.#source.length; this.#space(true)) {
      const name = this.#name();
      this.#space(false);
      this.#expect("::=");
      this.#space(true);
      if (rules.has(name)) throw new Error(`the rule ${name} is defined twice`);
      rules.set(name, this.#choice(false));
    }
    return rules;
  }

  #expect(text) {
    if (!this.#source.startsWith(text, this.#at))
      throw new Error(`expected ${text} before ${JSON.stringify(this.#source.slice(this.#at, this.#at + 20))}`);
    this.#at += text.length;
  }

  #takes(pattern) {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source);
    if (found) this.#at += found[0].length;
    return found;
  }

  #space(withLines) {
    this.#takes(withLines ? /(?:[ \t\r\n]|#[^\n]*)*/y : /(?:[ \t]|#[^\n]*)*/y);
  }

  #name() {
    const found = this.#takes(/[a-zA-Z0-9-]+/y);
    if (!found) this.#expect("a name");
    return found[0];
  }

  #choice(isInside) {
    const items = [this.#sequence(isInside)];
    while (this.#takes(/\|/y)) {
      this.#space(true);
      items.push(this.#sequence(isInside));
    }
    return items.length === 1 ? items[0] : { kind: "choice", items };
  }

  #sequence(isInside) {
    const items = [];
    for (;;) {
      this.#space(isInside);
      const item = this.#primary(isInside);
      if (!item) return { kind: "sequence", items };
      items.push(this.#repeated(item));
    }
  }

  #primary() {
    if (this.#takes(/\(/y)) {
      this.#space(true);
      const inner = this.#choice(true);
      this.#expect(")");
      return inner;
    }
    if (this.#takes(/"/y)) {
      const points = [];
      while (!this.#takes(/"/y)) points.push(this.#char());
      return { kind: "text", bytes: new TextEncoder().encode(String.fromCodePoint(...points)) };
    }
    const open = this.#takes(/\[\^?/y);
    if (open) {
      const ranges = [];
      while (!this.#takes(/\]/y)) {
        const low = this.#char();
        ranges.push([low, this.#takes(/-(?!\])/y) ? this.#char() : low]);
      }
      return { kind: "set", ranges, isNegative: open[0] === "[^" };
    }
    if (this.#takes(/\./y)) return { kind: "set", ranges: [], isNegative: true };
    const name = this.#takes(/[a-zA-Z0-9-]+/y);
    return name ? { kind: "rule", name: name[0] } : undefined;
  }

  #repeated(item) {
    let result = item;
    for (;;) {
      const found = this.#takes(/[*+?]|\{(\d*)(,?)(\d*)\}/y);
      if (!found) return result;
      const [sign, low, comma, high] = found;
      const min = sign === "*" || sign === "?" ? 0 : sign === "+" ? 1 : Number(low);
      let max = sign === "?" ? 1 : Number.POSITIVE_INFINITY;
      if (sign.startsWith("{")) max = comma ? (high ? Number(high) : max) : Number(low);
      result = { kind: "repeat", item: result, min, max };
    }
  }

  #char() {
    const escaped = this.#takes(/\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([nrt\\"[\]]))/y);
    if (escaped) {
      const hex = escaped[1] ?? escaped[2] ?? escaped[3];
      if (hex) return Number.parseInt(hex, 16);
      return ({ n: "\n", r: "\r", t: "\t" }[escaped[4]] ?? escaped[4]).codePointAt(0);
    }
    const char = this.#takes(/[^\\\n]/uy);
    if (!char) throw new Error(`wrong escape before ${JSON.stringify(this.#source.slice(this.#at, this.#at + 20))}`);
    return char[0].codePointAt(0);
  }
}
