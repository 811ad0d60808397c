// The text of a template → tokens, with white space handled as transformers configures Jinja: trim_blocks removes the
// line end after a block, lstrip_blocks the indentation before it.
import { allocate, spend } from "./budget.js";
import { TemplateError } from "./values.js";

/** Upper bounds for a token and what the parser makes of it. */
const stepsPerToken = 12;
const bytesPerToken = 150;

export type Token =
  | { kind: "text"; value: string }
  | { kind: "name" | "string" | "operator"; value: string }
  | { kind: "integer" | "float"; number: number; value: string }
  | { kind: "blockBegin" | "blockEnd" | "variableBegin" | "variableEnd" | "end"; value: string };

const opening = /\{%[-+]?|\{\{[-+]?|\{#[-+]?/g;
const rawBlock = /\{%[-+]?\s*raw\s*([-+]?)%\}/y;
const rawEnd = /\{%([-+]?)\s*endraw\s*([-+]?)%\}/g;
const whiteSpace = /\s+/y;
const float = /\d+(?:_\d+)*(?:\.\d+(?:_\d+)*(?:e[+-]?\d+(?:_\d+)*)?|e[+-]?\d+(?:_\d+)*)/iy;
const integer = /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy;
const name = /[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*/uy;
const text = /'[^'\\]*(?:\\[\s\S][^'\\]*)*'|"[^"\\]*(?:\\[\s\S][^"\\]*)*"/y;
const operator = /\/\/|\*\*|==|!=|>=|<=|[-+*/%~=<>()[\]{}.:,|;]/y;

/** Reads the tokens one by one, so that only the tree occupies memory; it is counted here, by tokens. */
export function* tokenize(source: string): Generator<Token, never> {
  spend(source.length >> 4);
  const template = source.replace(/\r\n?/g, "\n").replace(/\n$/, "");
  let at = 0;
  let startsLine = true; // the text before `at` ends with a line end
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(template);
  };
  const count = <T extends Token>(token: T): T => {
    spend(stepsPerToken);
    allocate(bytesPerToken);
    return token;
  };
  /** Moves past a tag's end; returns whether it was one. */
  const afterTag = (sign: string, trims: boolean) => {
    const before = at;
    if (sign === "-") at += match(whiteSpace)?.[0].length ?? 0;
    else if (trims && sign !== "+" && template[at] === "\n") at++;
    startsLine = at > before ? template[at - 1] === "\n" : false;
  };
  /** Text before a tag without what the tag's sign or lstrip_blocks removes. */
  const before = (value: string, sign: string, isVariable: boolean): string => {
    if (sign === "-") return value.trimEnd();
    if (sign === "+" || isVariable) return value;
    const line = value.lastIndexOf("\n") + 1;
    return (line > 0 || startsLine) && value.slice(line).trim() === "" ? value.slice(0, line) : value;
  };

  for (;;) {
    const found = match(opening);
    if (!found) break;
    const [tag] = found;
    const sign = tag[2] ?? "";
    const value = before(template.slice(at, found.index), sign, tag[1] === "{");
    if (value !== "") yield count({ kind: "text", value });
    at = found.index;
    const raw = tag[1] === "%" ? match(rawBlock) : null;
    if (raw) {
      at += raw[0].length;
      afterTag(raw[1] ?? "", true);
      const end = match(rawEnd);
      if (!end) throw new TemplateError("Missing end of raw directive");
      const content = before(template.slice(at, end.index), end[1] ?? "", false);
      if (content !== "") yield count({ kind: "text", value: content });
      at = end.index + end[0].length;
      afterTag(end[2] ?? "", true);
      continue;
    }
    at += tag.length;
    if (tag[1] === "#") {
      const end = template.indexOf("#}", at);
      if (end < 0) throw new TemplateError("Missing end of comment tag");
      const last = template[end - 1] ?? "";
      at = end + 2;
      afterTag(end > found.index + 2 && (last === "-" || last === "+") ? last : "", true);
      continue;
    }
    yield* readTag(tag[1] === "%");
  }
  if (at < template.length) yield count({ kind: "text", value: template.slice(at) });
  for (;;) yield { kind: "end", value: "" };

  function* readTag(isBlock: boolean): Generator<Token, void> {
    yield count({ kind: isBlock ? "blockBegin" : "variableBegin", value: "" });
    const end = isBlock ? /([-+]?)%\}/y : /(-?)\}\}/y;
    let depth = 0; // of brackets: "}}" may close a dict
    for (;;) {
      at += match(whiteSpace)?.[0].length ?? 0;
      const ended = depth === 0 ? match(end) : null;
      if (ended) {
        at += ended[0].length;
        afterTag(ended[1] ?? "", isBlock);
        yield count({ kind: isBlock ? "blockEnd" : "variableEnd", value: "" });
        return;
      }
      const token = count(readToken());
      if (token.kind === "operator") depth += "([{".includes(token.value) ? 1 : ")]}".includes(token.value) ? -1 : 0;
      if (depth < 0) throw new TemplateError("unexpected closing bracket");
      yield token;
    }
  }

  /** Reads a token of an expression. */
  function readToken(): Token {
    const first = template[at] ?? "";
    const read = (pattern: RegExp): string | undefined => {
      const value = match(pattern)?.[0];
      at += value?.length ?? 0;
      return value;
    };
    let value: string | undefined;
    if (/\d/.test(first)) {
      if ((value = read(float)) !== undefined) return { kind: "float", value, number: numberIn(value) };
      if ((value = read(integer)) !== undefined) return { kind: "integer", value, number: numberIn(value) };
    } else if (first === "'" || first === '"') {
      if ((value = read(text)) !== undefined) return { kind: "string", value: withoutEscapes(value.slice(1, -1)) };
    } else if ((value = read(operator)) !== undefined) return { kind: "operator", value };
    else if ((value = read(name)) !== undefined) return { kind: "name", value };
    throw new TemplateError(
      at < template.length ? `unexpected char '${first}' at ${at}` : "unexpected end of template",
    );
  }
}

const numberIn = (digits: string): number => Number(digits.replaceAll("_", ""));

/** The escapes of Python's string literals. */
function withoutEscapes(value: string): string {
  const names: Record<string, string> = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f", v: "\v", a: "\x07", "\n": "" };
  return value.replace(
    /\\(?:x([\da-f]{2})|u([\da-f]{4})|U([\da-f]{8})|([0-7]{1,3})|([\s\S]))/gi,
    (whole, x?: string, u?: string, long?: string, octal?: string, other?: string) => {
      const hex = whole[1] === "x" ? x : whole[1] === "u" ? u : whole[1] === "U" ? long : undefined;
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
      if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
      const letter = other ?? whole.slice(1);
      if (letter === "\\" || letter === "'" || letter === '"') return letter;
      return names[letter] ?? whole;
    },
  );
}
