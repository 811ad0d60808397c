// Reads the fields of a request's body. Null means the same as a missing field: its default.
import { isRecord } from "../check-options.js";
import { ApiError, badField } from "./api-error.js";

/** An object of a request, with the path that errors name. */
export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #path: string;

  private constructor(values: Readonly<Record<string, unknown>>, path: string) {
    this.#values = values;
    this.#path = path;
  }

  /** Throws an ApiError if the value is not an object. */
  static of(value: unknown, path = ""): Fields {
    if (isRecord(value)) return new Fields(value, path);
    if (path) throw badField(path, `The field ${path} is not an object.`, "invalid_type");
    throw new ApiError("The body of the request is not a JSON object.", {
      status: 400,
      type: "invalid_request_error",
      code: "invalid_body",
    });
  }

  path(name: string): string {
    return this.#path ? `${this.#path}.${name}` : name;
  }

  /** The value; undefined for null. */
  raw(name: string): unknown {
    return (Object.hasOwn(this.#values, name) ? this.#values[name] : undefined) ?? undefined;
  }

  text(name: string): string | undefined {
    return this.#typed(name, "a string", (value): value is string => typeof value === "string");
  }

  number(name: string): number | undefined {
    return this.#typed(name, "a number", (value): value is number => Number.isFinite(value));
  }

  integer(name: string): number | undefined {
    return this.#typed(name, "a whole number", (value): value is number => Number.isSafeInteger(value));
  }

  flag(name: string): boolean | undefined {
    return this.#typed(name, "true or false", (value): value is boolean => typeof value === "boolean");
  }

  array(name: string): readonly unknown[] | undefined {
    return this.#typed(name, "an array", (value): value is readonly unknown[] => Array.isArray(value));
  }

  record(name: string): Readonly<Record<string, unknown>> | undefined {
    return this.#typed(name, "an object", isRecord);
  }

  object(name: string): Fields | undefined {
    const value = this.record(name);
    return value && new Fields(value, this.path(name));
  }

  /** The objects of an array. */
  objects(name: string): readonly Fields[] | undefined {
    return this.array(name)?.map((each, i) => Fields.of(each, `${this.path(name)}[${i}]`));
  }

  /** One of some names. */
  choice<const Name extends string>(name: string, names: readonly Name[]): Name | undefined {
    const expected = names.map((each) => JSON.stringify(each)).join(", ");
    return this.#typed(name, `one of ${expected}`, (value): value is Name => names.includes(value as Name));
  }

  /** The value of a field that has to be there. */
  required<T>(name: string, value: T | undefined): T {
    if (value === undefined)
      throw badField(this.path(name), `The field ${this.path(name)} is missing.`, "missing_field");
    return value;
  }

  /** An error about a field that this adapter cannot do. */
  unsupported(name: string, what: string): ApiError {
    return badField(this.path(name), `${what} is not supported.`, "unsupported_value");
  }

  invalid(name: string, message: string): ApiError {
    return badField(this.path(name), message);
  }

  #typed<T>(name: string, expected: string, test: (value: unknown) => value is T): T | undefined {
    const value = this.raw(name);
    if (value === undefined || test(value)) return value;
    const path = this.path(name);
    throw badField(
      path,
      `The field ${path} is not valid. Expected: ${expected}. Found: ${show(value)}.`,
      "invalid_type",
    );
  }
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
