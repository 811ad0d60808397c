// Calls that are JSON objects with a name and arguments, in a list or one by one.
import { isRecord } from "../../check-options.js";
import { callOfObject, type ReadCall } from "../read-call.js";
import type { JsonText, Reading } from "../source.js";
import { type CallSyntax, type Reader, repeated } from "../syntax.js";

export interface JsonForm {
  /** Markers around a call, or around the list. An empty `open`: the answer begins with the call itself. */
  open: string;
  close: string;
  /** Other markers that begin a call. */
  alsoOpen?: readonly string[];
  /** White space between the markers and the JSON. */
  pad?: string;
  /** Whether the calls are in one list. */
  isList?: boolean;
  isParallel?: boolean;
  nameKey?: string;
  argumentsKey?: string;
  /** A key of the call's number or id, which stands before the others. */
  idKey?: string;
  textMarkers?: readonly [string, string];
  /** `{"name": {arguments}}` instead of keys for the name and the arguments. */
  isKeyed?: boolean;
}

export function jsonCalls(form: JsonForm): CallSyntax {
  const { open, close, pad = "", isList = false, isParallel = true, alsoOpen = [] } = form;
  const { nameKey = "name", argumentsKey = "arguments", idKey, isKeyed = false } = form;
  const before = (name: string, id: string) => {
    if (isKeyed) return `{${JSON.stringify(name)}: `;
    const number = idKey === undefined ? "" : `"${idKey}": ${JSON.stringify(id)}, `;
    return `{${number}"${nameKey}": ${JSON.stringify(name)}, "${argumentsKey}": `;
  };
  const listed = (calls: string) => (isList ? `[${calls}]` : calls);
  return {
    markers: open === "" ? alsoOpen : [open, ...alsoOpen],
    controls: close === "" ? [] : [close],
    ...(open === "" && { bareStart: isList ? "[{" : "{" }),
    isParallel,
    ...(form.textMarkers && { textMarkers: form.textMarkers }),
    read: (reader, marker) =>
      open === "" ? readBare(reader, marker !== undefined) : readJsonCalls(reader, close.trim()),

    write(calls) {
      const texts = calls.map(
        ({ name, arguments: values }, i) => `${before(name, String(i))}${JSON.stringify(values)}}`,
      );
      if (isList) return `${open}${pad}${listed(texts.join(", "))}${pad}${close}`;
      return texts.map((text) => `${open}${pad}${text}${pad}${close}`).join("\n");
    },

    grammar(rules, tools, isParallel) {
      // The numbers of calls in one answer are their own business: 0 is what the first has.
      const calls = tools.map((tool) => {
        const schema = rules.schema(tool.parameters, tool.name);
        return `${rules.literal(before(tool.name, "0"))} ${schema} "}"`;
      });
      const call = rules.add("call", calls.join(" | "));
      if (isList) {
        const list = repeated(call, '", "', isParallel);
        return `${rules.literal(`${open}${pad}[`)} ${list} ${rules.literal(`]${pad}${close}`)}`;
      }
      const one = [rules.literal(`${open}${pad}`), call, rules.literal(`${pad}${close}`)].join(" ").trim();
      return repeated(rules.add("marked", one), '"\\n"', isParallel);
    },
  };
}

/** Reads a call, or a list of calls, and the closing marker. */
export function* readJsonCalls(reader: Reader, close: string): Reading<void> {
  const { source } = reader;
  let count = 0;
  yield* source.space();
  const isList = yield* source.skip("[");
  for (;;) {
    yield* source.space();
    if (isList && count > 0 && (yield* source.skip(","))) yield* source.space();
    const next = yield* source.peek();
    if (next !== "{") {
      if (next === "]" && isList) yield* source.skip("]");
      else if (count === 0) yield* readBroken(reader, close);
      break;
    }
    reader.call(yield* readObject(reader, close));
    count++;
    if (!isList) break;
  }
  yield* source.space();
  if (close !== "") yield* source.skipCut(close);
}

function* readObject(reader: Reader, close: string): Reading<ReadCall> {
  const json = yield* readJson(reader, close);
  return callOfObject(json) ?? { name: "", argumentsText: json.text, error: "The call has no name." };
}

/**
 * Reads an object. One whose brackets never close would reach to the end of the answer: it ends at the closing marker
 * instead.
 */
export function* readJson(reader: Reader, close: string): Reading<JsonText> {
  const { source } = reader;
  if (reader.isStrict && close !== "") {
    let text = "";
    const stop = yield* source.until([close], (piece) => {
      text += piece;
    });
    if (stop !== undefined) source.unread(stop);
    return { text, isComplete: stop !== undefined };
  }
  const json = yield* source.json();
  const end = json.isComplete || close === "" ? -1 : json.text.indexOf(close);
  if (end < 0) return json;
  reader.isStrict = true;
  source.unread(json.text.slice(end));
  return { text: json.text.slice(0, end), isComplete: true };
}

/** A marker without a call after it. */
function* readBroken(reader: Reader, close: string): Reading<void> {
  const { source } = reader;
  if (close === "") return;
  let argumentsText = "";
  const stop = yield* source.until([close], (piece) => {
    argumentsText += piece;
  });
  const error = stop === undefined ? "The answer ended within the call." : "The call is not a JSON object.";
  reader.call({ name: "", argumentsText, error });
}

/** Reads calls that stand alone. Unless a marker came before it, other JSON is the text of the answer. */
function* readBare(reader: Reader, isMarked: boolean): Reading<void> {
  const { source, tools } = reader;
  if (isMarked) yield* source.space();
  for (;;) {
    const json = yield* source.json();
    const calls = bareCalls(json);
    if (calls.length === 0 || !(isMarked || calls.every((call) => tools.has(call.name)))) {
      reader.text(json.text + (yield* source.space()));
      return;
    }
    for (const call of calls) reader.call(call);
    const space = yield* source.space();
    const separator = (yield* source.skip(";")) ? `;${yield* source.space()}` : "";
    if ((yield* source.peek()) === "{") continue;
    source.unread(space + separator);
    return;
  }
}

function bareCalls(json: JsonText): ReadCall[] {
  if (json.text.startsWith("[") && json.isComplete) {
    try {
      const items: unknown = JSON.parse(json.text);
      if (!Array.isArray(items) || !items.every(isRecord)) return [];
      return items.map((item) => {
        const text = JSON.stringify(item);
        return callOfObject({ ...json, text }) ?? { name: "", argumentsText: text };
      });
    } catch {
      return [];
    }
  }
  const call = callOfObject(json);
  return call ? [call] : [];
}
