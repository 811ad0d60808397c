// The services of the interpreter that filters, methods and operators use.
import type { Str } from "./strings.js";
import type { Arguments, Value } from "./values.js";

export interface Runtime {
  /** str(value) */
  text(value: Value): Str;
  attribute(object: Value, name: string): Value;
  item(object: Value, index: Value): Value;
  call(callee: Value, args: Arguments): Value;
}
