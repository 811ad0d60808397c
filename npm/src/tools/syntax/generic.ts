// Calls of models whose template knows no tools: an answer is a JSON object with a call or a response.
import { callOfObject, memberText } from "../read-call.js";
import type { Reading } from "../source.js";
import type { CallSyntax, Reader } from "../syntax.js";
import type { ToolShape, WrittenCall } from "../tool-shape.js";
import { wellFormed } from "../well-formed.js";

const callKey = "tool_call";
const responseKey = "response";

const object = (name: string, values: unknown) =>
  `{"name": ${JSON.stringify(name)}, "arguments": ${JSON.stringify(values)}}`;

export const generic: CallSyntax = {
  markers: [],
  bareStart: "{",
  isParallel: false,
  isWhole: true,

  *read(reader) {
    const { source } = reader;
    let before = "{";
    yield* source.skip("{");
    before += yield* source.space();
    // A response is passed on while it is written.
    const key = `"${responseKey}"`;
    if (!reader.isFormatted && (yield* source.skip(key))) {
      before += key + (yield* source.space());
      if (yield* source.skip(":")) before += `:${yield* source.space()}`;
      if ((yield* source.peek()) === '"') return yield* readResponse(reader);
    }
    source.unread(before);
    const json = yield* source.json();
    const text = json.isComplete ? memberOf(json.text, callKey) : beginningOfCall(json.text);
    const call = text === undefined ? undefined : callOfObject({ ...json, text });
    if (call) reader.call(call);
    else if (json.isComplete || !isBeginning(json.text)) reader.text(json.text);
  },

  write(calls: readonly WrittenCall[]) {
    return calls.map(({ name, arguments: values }) => `{"${callKey}": ${object(name, values)}}`).join("\n");
  },

  grammar(rules, tools) {
    const calls = tools.map((tool) => {
      const before = `{"name": ${JSON.stringify(tool.name)}, "arguments": `;
      return `${rules.literal(before)} ${rules.schema(tool.parameters, tool.name)} "}"`;
    });
    return `${rules.literal(`{"${callKey}": `)} (${calls.join(" | ")}) "}"`;
  },
};

/** An answer without a call: this, a text of this schema, and a bracket. */
export const responseStart = `{"${responseKey}": `;
export const responseSchema = { type: "string", minLength: 1 } as const;

/** The object of a call in an answer that was cut; it may have just begun. */
function beginningOfCall(text: string): string | undefined {
  const after = /^\{\s*"tool_call"?\s*:?\s*/.exec(text);
  return after ? text.slice(after[0].length) : undefined;
}

/** Whether the answer was cut before a call or a response began. */
function isBeginning(text: string): boolean {
  const beginning = text.replace(/\s/g, "");
  return [callKey, responseKey].some((key) => `{"${key}":`.startsWith(beginning));
}

function memberOf(text: string, key: string): string | undefined {
  try {
    JSON.parse(text);
    return memberText(text, key);
  } catch {
    return undefined;
  }
}

/** Reads a JSON text whose quote comes next, and the end of its object. */
function* readResponse({ source, text }: Reader): Reading<void> {
  yield* source.skip('"');
  for (;;) {
    const stop = yield* source.until(['"', "\\"], text);
    if (stop !== "\\") break;
    text(yield* readEscape(source));
  }
  yield* source.space();
  yield* source.skip("}");
}

function* readEscape(source: Reader["source"]): Reading<string> {
  let written = "\\";
  const kind = yield* source.take(1);
  written += kind;
  if (kind === "u") {
    written += yield* source.take(4);
    // The other half of a pair of surrogates.
    if (/^\\u[dD][89abAB]/.test(written) && (yield* source.skip("\\u"))) written += `\\u${yield* source.take(4)}`;
  }
  try {
    return wellFormed(JSON.parse(`"${written}"`) as string);
  } catch {
    return kind === "u" ? "\ufffd" : kind;
  }
}

/** The result of a tool, as a message of the user. */
export function genericResult(name: unknown, text: string): string {
  return `The tool ${typeof name === "string" ? `${name} ` : ""}returned: ${text}`;
}

/** Ends the message with results. Small models repeat the call without it. */
export const genericRequest = "Answer my question with this.";

/**
 * Describes the tools to the model, since its template does not. The text does not depend on the choice, so that the
 * steps of an answer share its keys and values.
 */
export function genericInstructions(tools: readonly ToolShape[]): string {
  const list = tools.map(({ name, description, parameters }) => JSON.stringify({ name, description, parameters }));
  return [
    "You have these tools:",
    ...list,
    "",
    `Answer in JSON. A call of a tool is {"${callKey}": {"name": …, "arguments": {…}}}. An answer to the user is ` +
      `{"${responseKey}": …}. Call a tool if it helps to answer. When you have its result, tell it to the user.`,
  ].join("\n");
}
