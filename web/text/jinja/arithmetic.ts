// Python's operators on numbers, texts and lists.
import { allocate, spend } from "./budget.js";
import { printf } from "./format.js";
import type { Runtime } from "./runtime.js";
import { asMarkup, concat, Markup, markup, repeat as repeatText, Str } from "./strings.js";
import { fail, Float, iterate, List, numberOf, Tuple, typeName, Undefined, type Value, whole } from "./values.js";

export function unary(operator: "-" | "+", value: Value): Value {
  if (value instanceof Undefined) fail(value.message);
  const number = numberOf(value);
  if (number === undefined) return fail(`bad operand type for unary ${operator}: '${typeName(value)}'`);
  const result = operator === "-" ? -number : number;
  return value instanceof Float ? new Float(result) : whole(result);
}

export function binary(interpreter: Runtime, operator: string, left: Value, right: Value): Value {
  if (left instanceof Undefined) fail(left.message);
  if (operator === "%" && left instanceof Str) return printf(interpreter, left, right);
  if (right instanceof Undefined) fail(right.message);
  if (operator === "+") {
    if (left instanceof Str && right instanceof Str) {
      const isMarkup = left instanceof Markup || right instanceof Markup;
      return isMarkup ? markup(concat([asMarkup(left), asMarkup(right)])) : concat([left, right]);
    }
    const lists = (left instanceof List && right instanceof List) || (left instanceof Tuple && right instanceof Tuple);
    if (lists) {
      const items = iterate(left).concat(iterate(right));
      return left instanceof List ? new List(items) : new Tuple(items);
    }
  }
  if (operator === "*") {
    const repeated = repeat(left, right) ?? repeat(right, left);
    if (repeated !== undefined) return repeated;
  }
  const [a, b] = [numberOf(left), numberOf(right)];
  if (a === undefined || b === undefined) {
    return fail(`unsupported operand type(s) for ${operator}: '${typeName(left)}' and '${typeName(right)}'`);
  }
  const isFloat = left instanceof Float || right instanceof Float;
  const result = (value: number): Value => (isFloat ? new Float(value) : whole(value));
  switch (operator) {
    case "+":
      return result(a + b);
    case "-":
      return result(a - b);
    case "*":
      return result(a * b);
    case "**":
      return isFloat || b < 0 ? new Float(a ** b) : whole(a ** b);
  }
  if (b === 0) fail("division by zero");
  if (operator === "/") return new Float(a / b);
  if (operator === "//") return result(Math.floor(a / b));
  const rest = a % b; // in Python it has the divisor's sign
  return result(rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest);
}

function repeat(value: Value, count: Value): Value | undefined {
  if (typeof count !== "number" && typeof count !== "boolean") return undefined;
  const times = Math.max(0, Number(count));
  if (value instanceof Str) return repeatText(value, times);
  if (!(value instanceof List || value instanceof Tuple)) return undefined;
  spend(value.items.length * times);
  allocate(8 * value.items.length * times);
  const items = value.items.length === 0 ? [] : Array.from({ length: times }, () => value.items).flat();
  return value instanceof List ? new List(items) : new Tuple(items);
}
