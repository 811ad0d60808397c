// Calls that are a name, markers, and the arguments as a JSON object.
import { callOf } from "../read-call.js";
import type { Reading } from "../source.js";
import { type CallSyntax, type Reader, repeated } from "../syntax.js";
import { readJson, readJsonCalls } from "./json-calls.js";

export interface NamedForm {
  /** Markers around all calls, if there are any. */
  sectionOpen?: string;
  sectionClose?: string;
  open: string;
  close: string;
  /** Between the name and the arguments. */
  middle: string;
  /** Before the name; another name may stand before it. */
  namePrefix?: string;
  /** Between the name and `middle`: a colon and the number of the call in the answer. */
  isNumbered?: boolean;
  /** Between two calls. */
  separator?: string;
  isParallel?: boolean;
  /** Whether `close` is an end token, which a grammar does not contain. */
  isClosedByEnd?: boolean;
  /** Texts within `middle`, `open` and so on that may be control tokens. */
  controls?: readonly string[];
  lead?: string;
  textMarkers?: readonly [string, string];
  /** Other markers that begin a call. */
  alsoOpen?: readonly string[];
}

export function namedCalls(form: NamedForm): CallSyntax {
  const { sectionOpen = "", sectionClose = "", open, close, middle, namePrefix = "", separator = "" } = form;
  const { isParallel = true, isClosedByEnd = false, isNumbered = false, controls = [], alsoOpen = [] } = form;
  const before = (name: string, index: number) =>
    `${open}${namePrefix}${name}${isNumbered ? `:${index}` : ""}${middle}`;
  const markers = [sectionOpen, open, ...alsoOpen].filter((each) => each !== "");
  return {
    markers,
    controls: [...controls, sectionClose, close].filter((each) => each !== ""),
    isParallel,
    ...(form.lead !== undefined && { lead: form.lead }),
    ...(form.textMarkers && { textMarkers: form.textMarkers }),

    *read(reader, marker) {
      const { source } = reader;
      let isOpen = marker !== sectionOpen;
      for (;;) {
        if (!isOpen) {
          yield* source.space();
          isOpen = yield* source.skip(open);
        }
        if (!isOpen) break;
        isOpen = false;
        const next = yield* source.peek();
        if (next === "[" || next === "{") yield* readJsonCalls(reader, close.trim());
        else yield* readNamed(reader, namePrefix, close.trim());
      }
      if (sectionClose !== "") yield* source.skipCut(sectionClose);
    },

    write(calls) {
      const texts = calls.map(
        ({ name, arguments: values }, i) => `${before(name, i)}${JSON.stringify(values)}${close}`,
      );
      return `${sectionOpen}${texts.join(separator)}${sectionClose}`;
    },

    grammar(rules, tools, isParallel) {
      const calls = tools.map((tool) => {
        const schema = rules.schema(tool.parameters, tool.name);
        const name = rules.literal(`${open}${namePrefix}${tool.name}`);
        const number = isNumbered ? '":" [0-9]{1,2}' : '""';
        return `${name} ${number} ${rules.literal(middle)} ${schema} ${rules.literal(isClosedByEnd ? "" : close)}`;
      });
      const all = repeated(rules.add("call", calls.join(" | ")), rules.literal(separator), isParallel);
      return `${rules.literal(sectionOpen)} ${all} ${rules.literal(sectionClose)}`.trim();
    },
  };
}

/** Reads a name and the object after it; what stands between them is decoration. */
export function* readNamed(reader: Reader, namePrefix: string, close: string): Reading<void> {
  const { source } = reader;
  yield* source.space();
  if (namePrefix !== "") yield* source.skip(namePrefix);
  yield* source.space();
  const name = yield* source.word();
  let between = "";
  const stop = yield* source.until(close === "" ? ["{"] : ["{", close], (piece) => {
    between += piece;
  });
  if (stop !== "{") {
    const error = stop === undefined ? "The answer ended within the call." : "The call has no arguments.";
    reader.call({ name, argumentsText: between, error });
    return;
  }
  source.unread("{");
  reader.call(callOf(name, yield* readJson(reader, close)));
  yield* source.space();
  if (close === "" || (yield* source.skipCut(close))) return;
  // Fences of code around the JSON.
  if (yield* source.skip("```")) yield* source.space();
  yield* source.skipCut(close);
}
