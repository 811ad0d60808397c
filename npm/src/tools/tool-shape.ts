// Tools and calls as data.
import type { JsonSchema } from "../../../web/grammar/json-schema.js";

/** A tool as parsers and grammars see it. */
export interface ToolShape {
  name: string;
  description?: string | undefined;
  /** A JSON schema of an object. */
  parameters: JsonSchema;
}

/** A call as it stands in the history. */
export interface WrittenCall {
  id: string;
  name: string;
  arguments: Record<string, unknown>;
}
