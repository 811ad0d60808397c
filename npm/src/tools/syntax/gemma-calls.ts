// Calls of FunctionGemma and Gemma 4: call:name{key:value}, with texts between marks instead of quotes.
import { isRecord } from "../../check-options.js";
import { callWith, type ReadCall } from "../read-call.js";
import type { GrammarRules } from "../grammar-rules.js";
import { type CallSyntax, repeated } from "../syntax.js";
import type { ToolShape } from "../tool-shape.js";
import { isTextSchema, parametersOf } from "./xml-calls.js";

export interface GemmaForm {
  open: string;
  close: string;
  /** Before and after a text. */
  quote: string;
}

const maxDepth = 64;

export function gemmaCalls({ open, close, quote }: GemmaForm): CallSyntax {
  return {
    markers: [open],
    controls: [close, quote],
    isParallel: true,

    *read(reader) {
      let text = "";
      const stop = yield* reader.source.until([close, open], (piece) => {
        text += piece;
      });
      if (stop === open) reader.source.unread(stop);
      reader.call(read(text, quote, stop === close));
    },

    write: (calls) =>
      calls.map(({ name, arguments: values }) => `${open}call:${name}${written(values, quote)}${close}`).join(""),

    grammar(rules, tools, isParallel) {
      const calls = tools.map((tool) => {
        const fields = objectGrammar(rules, tool, tool.parameters, quote);
        return `${rules.literal(`${open}call:${tool.name}`)} ${fields} ${rules.literal(close)}`;
      });
      return repeated(rules.add("call", calls.join(" | ")), '""', isParallel);
    },
  };
}

function written(value: unknown, quote: string): string {
  if (typeof value === "string") return `${quote}${value}${quote}`;
  if (Array.isArray(value)) return `[${value.map((item) => written(item, quote)).join(",")}]`;
  if (!isRecord(value)) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, each]) => `${key}:${written(each, quote)}`)
    .join(",")}}`;
}

function read(text: string, quote: string, isComplete: boolean): ReadCall {
  const head = /^\s*(?:call:)?([\w.-]*)\s*/.exec(text);
  const name = head?.[1] ?? "";
  const argumentsText = text.slice(head?.[0].length ?? 0).trim();
  const reader = new GemmaReader(argumentsText, quote);
  try {
    const values = reader.object(0);
    return callWith(name, values);
  } catch (error) {
    const problem = (error as Error).message;
    return {
      name,
      argumentsText,
      error: isComplete ? `The arguments are not valid: ${problem}` : "The answer ended within the call.",
    };
  }
}

class GemmaReader {
  readonly #text: string;
  readonly #quote: string;
  #at = 0;

  constructor(text: string, quote: string) {
    this.#text = text;
    this.#quote = quote;
  }

  object(depth: number): Map<string, unknown> {
    const values = new Map<string, unknown>();
    this.#expect("{");
    while (!this.#skip("}")) {
      const key = this.#skip(this.#quote) ? this.#quoted() : this.#match(/[^:{}[\],]+/y, "a key").trim();
      this.#expect(":");
      values.set(key, this.#value(depth + 1));
      if (!this.#isNext("}")) this.#expect(",");
    }
    return values;
  }

  #value(depth: number): unknown {
    if (depth > maxDepth) throw new Error(`it nests more than ${maxDepth} levels deep`);
    if (this.#skip(this.#quote)) return this.#quoted();
    if (this.#isNext("{")) return Object.fromEntries(this.object(depth));
    if (this.#skip("[")) {
      const items: unknown[] = [];
      while (!this.#skip("]")) {
        items.push(this.#value(depth + 1));
        if (!this.#isNext("]")) this.#expect(",");
      }
      return items;
    }
    const word = this.#match(/[^,{}[\]]+/y, "a value").trim();
    try {
      return JSON.parse(word) as unknown;
    } catch {
      return word; // a text without its marks
    }
  }

  #quoted(): string {
    const end = this.#text.indexOf(this.#quote, this.#at);
    if (end < 0) {
      this.#at = this.#text.length;
      throw new Error(`expected ${this.#quote}`);
    }
    const text = this.#text.slice(this.#at, end);
    this.#at = end + this.#quote.length;
    return text;
  }

  #isNext(text: string): boolean {
    while (/\s/.test(this.#text.charAt(this.#at))) this.#at++;
    return this.#text.startsWith(text, this.#at);
  }

  #skip(text: string): boolean {
    const isNext = this.#isNext(text);
    if (isNext) this.#at += text.length;
    return isNext;
  }

  #expect(text: string): void {
    if (!this.#skip(text)) throw new Error(`expected ${text} at character ${this.#at}`);
  }

  #match(pattern: RegExp, expected: string): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined) throw new Error(`expected ${expected} at character ${this.#at}`);
    this.#at += found.length;
    return found;
  }
}

function objectGrammar(rules: GrammarRules, tool: ToolShape, schema: unknown, quote: string): string {
  return rules.shared(schema, "fields", () => {
    const fields = parametersOf({ name: tool.name, parameters: schema as ToolShape["parameters"] });
    const list = fields.map(({ name, schema, isRequired }) => ({
      text: `${rules.literal(`${name}:`)} ${valueGrammar(rules, tool, schema, quote)}`,
      isRequired,
    }));
    return `"{" ${rules.commaList(list, ",")} "}"`;
  });
}

/** Texts, lists and objects in this notation; numbers and the words of JSON are the same in both. */
function valueGrammar(rules: GrammarRules, tool: ToolShape, given: unknown, quote: string): string {
  const schema = rules.resolved(tool, given);
  const mark = rules.literal(quote);
  if (isTextSchema(schema)) return `${mark} ${rules.bareText(tool, schema, quote)} ${mark}`;
  const value = (each: unknown) => valueGrammar(rules, tool, each, quote);
  if (isRecord(schema)) {
    const { type } = schema;
    const values = "const" in schema ? [schema["const"]] : schema["enum"];
    if (Array.isArray(values)) return `(${values.map((each) => rules.literal(written(each, quote))).join(" | ")})`;
    const options = schema["anyOf"] ?? schema["oneOf"];
    if (Array.isArray(options)) return `(${options.map(value).join(" | ")})`;
    if (Array.isArray(type)) return `(${type.map((each) => value({ ...schema, type: each })).join(" | ")})`;
    if (type === "object") return objectGrammar(rules, tool, schema, quote);
    if (type === "array") return rules.shared(schema, "items", () => listGrammar(schema, value(schema["items"] ?? {})));
    if (typeof type === "string") return rules.parameter(tool, schema);
  }
  rules.unsupported(tool, "type", "A value of any type can be a text, a number, true, false or null.");
  const other = rules.parameter(tool, { type: ["number", "boolean", "null"] });
  return `(${mark} ${rules.freeText([quote])} ${mark} | ${other})`;
}

function listGrammar(schema: Record<string, unknown>, item: string): string {
  const [least, most] = [Number(schema["minItems"] ?? 0), Number(schema["maxItems"] ?? Infinity)];
  if (most < 1) return '"[]"';
  const more = `("," ${item}){${Math.max(0, least - 1)},${most === Infinity ? "" : most - 1}}`;
  return least > 0 ? `"[" ${item} ${more} "]"` : `"[" (${item} ${more})? "]"`;
}
