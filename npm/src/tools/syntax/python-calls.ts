// Calls as a list in Python's notation: [name(key="text", other=[1, True])].
import { describe } from "../../../../web/errors.js";
import type { GrammarRules } from "../grammar-rules.js";
import { isRecord } from "../../check-options.js";
import { callWith, type ReadCall } from "../read-call.js";
import type { Reading } from "../source.js";
import { type CallSyntax, type Reader, repeated } from "../syntax.js";
import type { ToolShape } from "../tool-shape.js";
import { parametersOf } from "./xml-calls.js";
import { PythonReader } from "./python-literal.js";
import { readJsonCalls } from "./json-calls.js";

/** Without `open`, the answer begins with the list. */
export function pythonCalls({ open, close }: { open: string; close: string }): CallSyntax {
  return {
    markers: open === "" ? [] : [open],
    controls: close === "" ? [] : [close],
    ...(open === "" && { bareStart: "[" }),
    isParallel: true,

    *read(reader, marker) {
      const { source } = reader;
      yield* source.space();
      // Asked for JSON, these models write JSON between the markers.
      if (marker !== undefined && (yield* source.peek()) === "{") return yield* readJsonCalls(reader, close);
      const { text, isComplete } = yield* marker === undefined ? source.json("\"'") : readUntil(reader, close);
      const calls = callsOf(text, isComplete);
      if (marker === undefined && !calls.every(({ name }) => reader.tools.has(name))) {
        reader.text(text + (yield* source.space()));
      } else for (const call of calls) reader.call(call);
    },

    write(calls) {
      const texts = calls.map(({ name, arguments: values }) => {
        const all = Object.entries(values).map(([key, value]) => `${key}=${literal(value)}`);
        return `${name}(${all.join(", ")})`;
      });
      return `${open}[${texts.join(", ")}]${close}`;
    },

    grammar(rules, tools, isParallel) {
      const calls = tools.map((tool) => {
        const parameters = parametersOf(tool).map(({ name, schema, isRequired }) => {
          return { text: `${rules.literal(`${name}=`)} ${valueGrammar(rules, tool, schema)}`, isRequired };
        });
        return `${rules.literal(`${tool.name}(`)} ${rules.commaList(parameters, ", ")} ")"`;
      });
      const all = repeated(rules.add("call", calls.join(" | ")), '", "', isParallel);
      return `${rules.literal(`${open}[`)} ${all} ${rules.literal(`]${close}`)}`;
    },
  };
}

function* readUntil({ source }: Reader, close: string): Reading<{ text: string; isComplete: boolean }> {
  let text = "";
  const stop = yield* source.until([close], (piece) => {
    text += piece;
  });
  return { text: text.trim(), isComplete: stop !== undefined };
}

/** The calls in a list; a text that is no list of calls gives one call with an error. */
function callsOf(text: string, isComplete: boolean): ReadCall[] {
  const reader = new PythonReader(text);
  const calls: ReadCall[] = [];
  let name = "";
  let from = 0;
  try {
    const isList = reader.skip("[");
    do {
      if (isList && calls.length > 0 && reader.isNext("]")) break;
      reader.space();
      from = reader.at;
      name = reader.word();
      reader.expect("(");
      from = reader.at;
      calls.push(callWith(name, reader.named(")")));
      name = "";
    } while (reader.skip(","));
    // A list that was cut after a call has no error.
    if (isList && !(reader.isAtEnd && !isComplete)) reader.expect("]");
  } catch (error) {
    const problem = isComplete ? `The call is not valid: ${describe(error)}` : "The answer ended within the call.";
    calls.push({ name, argumentsText: text.slice(from), error: problem });
  }
  return calls;
}

/** Objects are JSON, as in the templates of these models. */
function literal(value: unknown): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  return JSON.stringify(value);
}

/** Values are JSON, whose texts and numbers are Python's too. */
function valueGrammar(rules: GrammarRules, tool: ToolShape, given: unknown): string {
  const schema = rules.resolved(tool, given);
  const isFlag = isRecord(schema) && schema["type"] === "boolean" && !("enum" in schema || "const" in schema);
  return isFlag ? '("True" | "False" | "true" | "false")' : rules.parameter(tool, given);
}
