// Calls of Mistral's models: [TOOL_CALLS] before a list of JSON objects, or before each name, with [ARGS] before the
// arguments.
import type { CallSyntax } from "../syntax.js";
import { jsonCalls, readJsonCalls } from "./json-calls.js";
import { namedCalls, readNamed } from "./named-calls.js";

const open = "[TOOL_CALLS]";

/** Both forms are read; `isNamed` says which one is written. */
export function mistralCalls({ isNamed }: { isNamed: boolean }): CallSyntax {
  const form = isNamed
    ? namedCalls({ open, middle: "[ARGS]", close: "", controls: ["[ARGS]", "[CALL_ID]"] })
    : jsonCalls({ open, close: "", isList: true });
  return {
    ...form,
    *read(reader) {
      yield* reader.source.space();
      const next = yield* reader.source.peek();
      if (next === "[" || next === "{") yield* readJsonCalls(reader, "");
      else yield* readNamed(reader, "", "");
    },
  };
}
