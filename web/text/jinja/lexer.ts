// The text of a template → tokens, with white space handled as transformers configures Jinja: trim_blocks removes the
// line end after a block, lstrip_blocks the indentation before it.
import { TemplateError } from "./values.js";

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
const text = /'(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*"/y;
const operator = /\/\/|\*\*|==|!=|>=|<=|[-+*/%~=<>()[\]{}.:,|;]/y;

export function tokenize(source: string): Token[] {
  const template = source.replace(/\r\n?/g, "\n").replace(/\n$/, "");
  const tokens: Token[] = [];
  let at = 0;
  let startsLine = true; // the text before `at` ends with a line end
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(template);
  };
  const addText = (value: string) => value !== "" && tokens.push({ kind: "text", value });
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
    addText(before(template.slice(at, found.index), sign, tag[1] === "{"));
    at = found.index;
    const raw = tag[1] === "%" ? match(rawBlock) : null;
    if (raw) {
      at += raw[0].length;
      afterTag(raw[1] ?? "", true);
      const end = match(rawEnd);
      if (!end) throw new TemplateError("Missing end of raw directive");
      addText(before(template.slice(at, end.index), end[1] ?? "", false));
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
    readTag(tag[1] === "%");
  }
  addText(template.slice(at));
  tokens.push({ kind: "end", value: "" });
  return tokens;

  function readTag(isBlock: boolean): void {
    tokens.push({ kind: isBlock ? "blockBegin" : "variableBegin", value: "" });
    const end = isBlock ? /([-+]?)%\}/y : /(-?)\}\}/y;
    let depth = 0; // of brackets: "}}" may close a dict
    for (;;) {
      at += match(whiteSpace)?.[0].length ?? 0;
      const ended = depth === 0 ? match(end) : null;
      if (ended) {
        at += ended[0].length;
        tokens.push({ kind: isBlock ? "blockEnd" : "variableEnd", value: "" });
        afterTag(ended[1] ?? "", isBlock);
        return;
      }
      depth += readToken();
      if (depth < 0) throw new TemplateError("unexpected closing bracket");
    }
  }

  /** Reads a token of an expression; returns by how much it changes the depth of brackets. */
  function readToken(): number {
    for (const [kind, pattern] of [
      ["float", float],
      ["integer", integer],
      ["name", name],
      ["string", text],
      ["operator", operator],
    ] as const) {
      const found = match(pattern);
      if (!found) continue;
      const [value] = found;
      at += value.length;
      if (kind === "float" || kind === "integer") {
        const digits = value.replaceAll("_", "");
        tokens.push({ kind, value, number: Number(digits) });
      } else {
        tokens.push({ kind, value: kind === "string" ? withoutEscapes(value.slice(1, -1)) : value });
      }
      return kind !== "operator" ? 0 : "([{".includes(value) ? 1 : ")]}".includes(value) ? -1 : 0;
    }
    throw new TemplateError(
      at < template.length ? `unexpected char '${template[at]}' at ${at}` : "unexpected end of template",
    );
  }
}

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
