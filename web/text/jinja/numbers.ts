// Texts → numbers and rounding, as Python does both.
import { spend } from "./budget.js";
import { Str } from "./strings.js";
import { numberOf, type Value, whole } from "./values.js";

export function toInteger(value: Value, byDefault: Value, base: number): Value {
  const number = numberOf(value);
  if (number !== undefined) return Number.isFinite(number) ? whole(Math.trunc(number)) : byDefault;
  if (!(value instanceof Str)) return byDefault;
  const digits = digitsOf(value);
  const prefix = { 2: "0b", 8: "0o", 16: "0x" }[base];
  const bare = prefix ? digits.replace(new RegExp(`^([-+]?)${prefix}`, "i"), "$1") : digits;
  const allowed = "0123456789abcdefghijklmnopqrstuvwxyz".slice(0, base);
  if (new RegExp(`^[-+]?[${allowed}]+$`, "i").test(bare)) return whole(Number.parseInt(bare, base));
  const float = toFloat(value);
  return float === undefined || !Number.isFinite(float) ? byDefault : whole(Math.trunc(float));
}

/** Longer texts are not numbers. */
const maxDigits = 1000;

function digitsOf(value: Str): string {
  spend(16 + (value.size >> 2));
  const text = value.text.trim();
  return text.length > maxDigits ? "" : text.replace(/(?<=\d)_(?=\d)/g, "");
}

export function toFloat(value: Value): number | undefined {
  const number = numberOf(value);
  if (number !== undefined) return number;
  if (!(value instanceof Str)) return undefined;
  const written = digitsOf(value);
  if (/^[-+]?(\d+(?:\.\d*)?|\.\d+)(e[-+]?\d+)?$/i.test(written)) return Number(written);
  const special = /^([-+]?)(inf(?:inity)?|nan)$/i.exec(written);
  if (!special) return undefined;
  return special[2]?.toLowerCase() === "nan" ? Number.NaN : special[1] === "-" ? -Infinity : Infinity;
}

/** Python's round(): halves go to the even neighbour. */
export function roundHalfEven(value: number, precision: number): number {
  if (precision >= 0) return precision <= 100 && Math.abs(value) < 1e21 ? Number(fixed(value, precision)) : value;
  const scale = 10 ** -precision;
  return Number(fixed(value / scale, 0)) * scale;
}

/** Like toFixed, but halves go to the even digit. */
export function fixed(value: number, digits: number): string {
  spend(20);
  const text = value.toFixed(digits);
  const rest = value.toFixed(Math.min(100, digits + 40)).slice(text.length + (digits === 0 ? 1 : 0));
  if (!/^50*$/.test(rest) || Number(text.at(-1)) % 2 === 0) return text;
  // toFixed has rounded up from an even digit.
  return text.slice(0, -1) + String(Number(text.at(-1)) - 1);
}
