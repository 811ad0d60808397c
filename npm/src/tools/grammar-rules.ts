// Collects the rules of a grammar for calls of tools.
import {
  type GrammarNote,
  type JsonSchema,
  quote,
  schemaRules,
  textWithout,
} from "../../../web/grammar/json-schema.js";
import { CamelGPTError } from "../../../web/errors.js";
import { bareTextRules, textKeywords } from "./bare-text.js";
import { closedSchema } from "./closed-schema.js";
import { isRecord } from "../check-options.js";
import type { ToolShape } from "./tool-shape.js";

/** Inserted before the item of a list, as `GrammarRules.commaList` takes it. */
export interface ListItem {
  text: string;
  isRequired: boolean;
}

export class GrammarRules {
  readonly notes: GrammarNote[] = [];
  readonly #tokens: ReadonlyMap<string, number>;
  readonly #lines: string[] = [];
  readonly #shared = new Map<unknown, string>();

  /** `tokens`: the ids of the markers that are tokens of the model. */
  constructor(tokens: ReadonlyMap<string, number>) {
    this.#tokens = tokens;
  }

  /** The text of all rules. */
  get text(): string {
    return this.#lines.join("");
  }

  /** Adds a rule and returns its name. */
  add(hint: string, expression: string): string {
    const name = this.#name(hint);
    this.#lines.push(`${name} ::= ${expression}\n`);
    return name;
  }

  /** The rule for a key, which is made once; it may refer to itself. */
  shared(key: unknown, hint: string, expression: () => string): string {
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const name = this.#name(hint);
    this.#shared.set(key, name);
    this.#lines.push(`${name} ::= ${expression()}\n`);
    return name;
  }

  #count = 0;
  #name(hint: string): string {
    return `tool-${hint}-${++this.#count}`;
  }

  /** Adds rules in GBNF. */
  addText(rules: string): void {
    this.#lines.push(rules);
  }

  /** A text of the syntax, in which markers are tokens if the model has them. */
  literal(text: string): string {
    const parts: string[] = [];
    let rest = text;
    while (rest !== "") {
      let [at, marker]: [number, string] = [rest.length, ""];
      for (const each of this.#tokens.keys()) {
        const found = rest.indexOf(each);
        const isLonger = found === at && each.length > marker.length;
        if (found >= 0 && (found < at || isLonger)) [at, marker] = [found, each];
      }
      if (at > 0) parts.push(quote(rest.slice(0, at)));
      if (marker !== "") parts.push(`<[${this.#tokens.get(marker)}]>`);
      rest = rest.slice(at + marker.length);
    }
    return parts.length === 0 ? '""' : parts.join(" ");
  }

  /** A free text that has none of the stops. */
  freeText(stops: readonly string[]): string {
    const key = `text ${stops.join("\n")}`;
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    if (stops.length === 0) return this.shared(key, "text", () => "[^\\x00]*");
    const { root, rules } = textWithout(stops, { prefix: `${this.#name("text")}-` });
    this.#lines.push(rules);
    this.#shared.set(key, root);
    return root;
  }

  /** The arguments of a tool as a JSON object. */
  schema(schema: JsonSchema, tool: string): string {
    return this.#schema(schema, tool);
  }

  /** One argument of a tool as JSON. */
  parameter(tool: ToolShape, schema: unknown): string {
    const isReferring = isRecord(schema) && JSON.stringify(schema).includes('"$ref"');
    return this.#schema(isReferring ? withinParameters(tool, schema) : ((schema ?? true) as JsonSchema), tool.name);
  }

  #schema(schema: JsonSchema, tool: string): string {
    const prefix = `${this.#name("json")}-`;
    try {
      const { root, rules, notes } = schemaRules(closedSchema(schema), { prefix, strict: false });
      this.#lines.push(rules);
      this.notes.push(...notes.map((note) => ({ ...note, path: `${tool}, ${note.path}` })));
      return root;
    } catch (error) {
      if (!(error instanceof CamelGPTError)) throw error;
      const { code, message, expected, found, hint } = error;
      throw new CamelGPTError(code, `The parameters of the tool ${tool} are not valid: ${message}`, {
        expected,
        found,
        hint,
        cause: error,
      });
    }
  }

  /** A text argument without quotes and escapes, up to `stop`. */
  bareText(tool: ToolShape, schema: unknown, stop: string): string {
    if (!isRecord(schema)) return this.freeText([stop]);
    if (!textKeywords.some((keyword) => Object.hasOwn(schema, keyword))) return this.freeText([stop]);
    const found = bareTextRules(schema, stop, `${this.#name("text")}-`);
    if (!found) {
      this.unsupported(tool, "type", "The schema of a text without quotes is not enforced.");
      return this.freeText([stop]);
    }
    this.#lines.push(found.rules);
    return found.root;
  }

  unsupported(tool: ToolShape, keyword: string, message: string): void {
    if (this.notes.some((note) => note.message === message && note.path === tool.name)) return;
    this.notes.push({ keyword, path: tool.name, message });
  }

  /** Follows references within the parameters of a tool. */
  resolved({ parameters }: ToolShape, schema: unknown): unknown {
    let target = schema;
    for (let steps = 0; steps < maxReferences && isRecord(target) && typeof target["$ref"] === "string"; steps++) {
      const path = target["$ref"];
      if (!path.startsWith("#")) return undefined;
      let value: unknown = parameters;
      for (const part of decoded(path.slice(1)).split("/").slice(1)) {
        const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
        const container = value as Record<string, unknown> | null | undefined;
        value =
          typeof container === "object" && container && Object.hasOwn(container, key) ? container[key] : undefined;
      }
      target = value;
    }
    return target;
  }

  /** Items in this order, of which optional ones may be missing, with separators between them. */
  commaList(items: readonly ListItem[], separator: string): string {
    const between = quote(separator);
    let after = "";
    let start = '""';
    for (const { text, isRequired } of [...items].reverse()) {
      const rest = after;
      start = this.add("list", isRequired ? `${text} ${rest}` : `${text} ${rest} | ${start}`);
      after = this.add("more", isRequired ? `${between} ${text} ${rest}` : `(${between} ${text})? ${rest}`);
    }
    return start;
  }
}

const maxReferences = 32;

/** The fragment of a reference without its escapes; unchanged if they are not valid. */
function decoded(fragment: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment;
  }
}

const parametersId = "https://tool.invalid/parameters";

/** The schema of one argument, in which references begin at the root of the parameters, as those of the tool do. */
function withinParameters({ parameters }: ToolShape, schema: unknown): JsonSchema {
  const all = isRecord(parameters) ? parameters : {};
  const definitions = isRecord(all["$defs"]) ? all["$defs"] : {};
  const given = all["$id"];
  const id = typeof given === "string" && URL.canParse(given) ? given.replace(/#.*$/, "") : parametersId;
  const tool = { ...all, $id: id, $defs: { ...definitions, [argumentName]: schema } };
  return { $ref: `${id}#/$defs/${argumentName}`, $defs: { tool } };
}

const argumentName = "camelgpt-argument";
