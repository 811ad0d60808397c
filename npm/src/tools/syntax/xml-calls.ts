// Calls whose arguments are elements of their own: texts without quotes, everything else as JSON.
import { textKeywords } from "../bare-text.js";
import type { GrammarRules } from "../grammar-rules.js";
import { isRecord } from "../../check-options.js";
import { callWith } from "../read-call.js";
import type { Reading } from "../source.js";
import { type CallSyntax, type Reader, repeated } from "../syntax.js";
import type { ToolShape } from "../tool-shape.js";
import { pythonWords } from "./python-literal.js";

export interface XmlForm {
  /** Markers around one call, or around all of them if `isSection`. */
  open: string;
  close: string;
  isSection?: boolean;
  /** Before and after the name of the tool. */
  nameOpen: string;
  nameClose: string;
  /** After the last argument. */
  end: string;
  /** Before and after the name of an argument. */
  keyOpen: string;
  keyClose: string;
  /** Before and after the value. */
  valueOpen: string;
  valueClose: string;
  /** Whether a text that contains marks of XML stands in a CDATA section. */
  hasCdata?: boolean;
}

const [cdataOpen, cdataClose] = ["<![CDATA[", "]]>"];

export function xmlCalls(form: XmlForm): CallSyntax {
  const { open, close, isSection = false, nameOpen, nameClose, end, keyOpen, keyClose, valueOpen, valueClose } = form;
  const [callOpen, callClose] = isSection ? ["", ""] : [open, close];
  const key = (name: string) => `${keyOpen}${name}${keyClose}${valueOpen}`;
  // Models forget the outer marker.
  const markers = [open, nameOpen].map((each) => each.trim()).filter((each) => each !== "");
  return {
    markers,
    controls: [close, keyOpen, keyClose, valueOpen, valueClose]
      .map((each) => each.trim())
      .filter((each) => each !== ""),
    isParallel: true,

    *read(reader, marker) {
      let isNamed = marker === nameOpen.trim();
      do {
        yield* readXmlCall(reader, form, isNamed);
        isNamed = false;
        yield* reader.source.space();
      } while (isSection && (yield* reader.source.startsWith(nameOpen.trim())));
      yield* reader.source.skipCut(close.trim());
    },

    write(calls) {
      const texts = calls.map(({ name, arguments: values }) => {
        const parameters = Object.entries(values).map(([name, value]) => {
          const text = typeof value === "string" ? value : JSON.stringify(value);
          const isMarked = form.hasCdata && typeof value === "string" && /[<&\n]/.test(text);
          return `${key(name)}${isMarked ? `${cdataOpen}${text}${cdataClose}` : text}${valueClose}`;
        });
        return `${callOpen}${nameOpen}${name}${nameClose}${parameters.join("")}${end}${callClose}`;
      });
      return isSection ? `${open}${texts.join("")}${close}` : texts.join("\n");
    },

    grammar(rules, tools, isParallel) {
      const calls = tools.map((tool) => {
        const before = rules.literal(`${callOpen}${nameOpen}${tool.name}${nameClose}`);
        const parameters = parametersOf(tool).map(({ name, schema, isRequired }) => {
          const value = isTextSchema(rules.resolved(tool, schema))
            ? textGrammar(rules, tool, rules.resolved(tool, schema), form)
            : rules.parameter(tool, schema);
          const parameter = `${rules.literal(key(name))} ${value} ${rules.literal(valueClose)}`;
          return isRequired ? parameter : `(${parameter})?`;
        });
        return [before, ...parameters, rules.literal(`${end}${callClose}`)].join(" ");
      });
      const call = rules.add("call", calls.join(" | "));
      const all = repeated(call, isSection ? '""' : '"\\n"', isParallel);
      return isSection ? `${rules.literal(open)} ${all} ${rules.literal(close)}` : all;
    },
  };
}

/** A text with marks of XML stands in a CDATA section, if the form has those. */
function textGrammar(rules: GrammarRules, tool: ToolShape, schema: unknown, form: XmlForm): string {
  const stop = form.valueClose.trim();
  if (!form.hasCdata) return rules.bareText(tool, schema, stop);
  const isFree = isRecord(schema) && !textKeywords.some((key) => Object.hasOwn(schema, key));
  if (!isFree) return rules.bareText(tool, schema, stop);
  return `([^<&\\n]* | ${rules.literal(cdataOpen)} ${rules.freeText([cdataClose])} ${rules.literal(cdataClose)})`;
}

function* readXmlCall(reader: Reader, form: XmlForm, isNamed: boolean): Reading<void> {
  const { source, tools } = reader;
  const [keyOpen, keyClose] = [form.keyOpen.trim(), form.keyClose.trim()];
  const [valueOpen, valueClose] = [form.valueOpen.trim(), form.valueClose.trim()];
  const ends = [form.end.trim(), form.close.trim()].filter((each) => each !== "");
  yield* source.space();
  if (!isNamed) yield* source.skip(form.nameOpen.trim());
  const name = yield* source.word();
  const parameters = tools.get(name)?.parameters;
  const values = new Map<string, unknown>();
  let written = "";
  let error: string | undefined;
  const until = function* (stops: readonly string[]): Reading<[text: string, stop: string | undefined]> {
    let text = "";
    const stop = yield* source.until(stops, (piece) => {
      text += piece;
    });
    written += text + (stop ?? "");
    if (stop === undefined) error = "The answer ended within the call.";
    return [text, stop];
  };
  for (;;) {
    const [, stop] = yield* until([keyOpen, ...ends]);
    if (stop !== keyOpen) {
      // The end of the call, or its closing marker, which is read by the caller.
      if (stop !== undefined && stop !== form.end.trim()) source.unread(stop);
      break;
    }
    const [key, keyEnd] = yield* until([keyClose]);
    if (keyEnd === undefined) break;
    if (valueOpen !== "") {
      yield* source.space();
      yield* source.skip(valueOpen);
    }
    let space = "";
    let text: string;
    let valueEnd: string | undefined;
    if (form.hasCdata) space = yield* source.space();
    if (form.hasCdata && (yield* source.skip(cdataOpen))) {
      [text, valueEnd] = yield* until([cdataClose]);
      if (valueEnd !== undefined) [, valueEnd] = yield* until([valueClose]);
    } else {
      [text, valueEnd] = yield* until([valueClose]);
      text = unpadded(space + text, form);
    }
    if (valueEnd === undefined) break;
    const value = valueFrom(text, schemaOf(parameters, key.trim()));
    if (value === undefined) error ??= `The argument ${key.trim()} is not JSON.`;
    else values.set(key.trim(), value);
  }
  reader.call(error === undefined ? callWith(name, values) : { name, argumentsText: written, error });
}

/** Removes the white space with which the form surrounds each value. */
function unpadded(text: string, { keyClose, valueOpen, valueClose }: XmlForm): string {
  const isPadded = /\n$/.test(valueOpen === "" ? keyClose : valueOpen) && valueClose.startsWith("\n");
  return isPadded ? text.replace(/^\r?\n/, "").replace(/\r?\n$/, "") : text;
}

function schemaOf(parameters: unknown, name: string): unknown {
  const properties = isRecord(parameters) ? parameters["properties"] : undefined;
  return isRecord(properties) && Object.hasOwn(properties, name) ? properties[name] : undefined;
}

/** Whether the values are texts only, so that they stand in an element without quotes. */
export function isTextSchema(schema: unknown): boolean {
  if (!isRecord(schema)) return false;
  if (schema["type"] !== undefined) return schema["type"] === "string";
  const values = "const" in schema ? [schema["const"]] : schema["enum"];
  return Array.isArray(values) && values.length > 0 && values.every((value) => typeof value === "string");
}

/** Undefined if the schema wants something other than a text, and the text is not JSON. */
function valueFrom(text: string, schema: unknown): unknown {
  if (isTextSchema(schema)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    const word = text.trim();
    if (Object.hasOwn(pythonWords, word)) return pythonWords[word];
    const type = isRecord(schema) ? schema["type"] : undefined;
    const isOther = Array.isArray(type) ? !type.includes("string") : type !== undefined;
    return isOther ? undefined : text;
  }
}

/** The parameters of a tool in the order of its schema. */
export function parametersOf({ parameters }: ToolShape): { name: string; schema: unknown; isRequired: boolean }[] {
  const { properties, required } = isRecord(parameters) ? parameters : {};
  const names = Array.isArray(required) ? required : [];
  return Object.entries(isRecord(properties) ? properties : {})
    .filter(([, schema]) => schema !== false)
    .map(([name, schema]) => ({ name, schema, isRequired: names.includes(name) }));
}
