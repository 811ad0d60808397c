// The formats that an answer can be restricted to, and the types of the values in such answers.
import type { JsonSchema } from "./json-schema.js";

export type { GrammarMatch as FormatMatch } from "./tasks.js";

/**
 * The format of an answer. The model can only choose tokens that continue it, so that an answer which ends with `stop`
 * always has it. docs/structured-output.md describes each format. `T` is the type of `object` in the result, for a JSON
 * schema from which TypeScript cannot infer it:
 *
 * ```ts
 * const schema = z.object({ name: z.string(), age: z.int() });
 * const { object } = await model.stream(prompt, { responseFormat: { type: "json", schema } });
 * const typed = await model.stream<Person>(prompt, { responseFormat: { type: "json", schema: jsonSchema } });
 * ```
 */
export type ResponseFormat<T = unknown> = (
  | { readonly type: "text" }
  | {
      readonly type: "json";
      /**
       * A JSON schema, or a schema of zod, valibot, arktype or another library with Standard Schema.
       * @default any object
       */
      readonly schema?: JsonSchema | StandardSchema<T> | undefined;
      /**
       * Whether a keyword that cannot be enforced is an error. If not, it is left out, with a note in `engine.notes`.
       * @default true
       */
      readonly strict?: boolean | undefined;
    }
  | {
      readonly type: "regex";
      /** The whole answer matches it. */
      readonly pattern: string | RegExp;
    }
  | {
      readonly type: "choice";
      /** The answer is one of these texts. */
      readonly options: readonly string[];
    }
  | {
      readonly type: "grammar";
      /** A grammar in llama.cpp's notation, GBNF. Its start rule is `root`. */
      readonly grammar: string;
    }
) & { readonly [outputType]?: T };

/** Carries the type of a format's value; no object has this property. */
declare const outputType: unique symbol;

/** A schema object of a library that implements version 1 of Standard Schema (standardschema.dev). */
export interface StandardSchema<T = unknown> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    /** Schemas that only convert lack it; their answers are not validated. */
    readonly validate?: ((value: unknown) => Validation<T> | Promise<Validation<T>>) | undefined;
    readonly types?: { readonly input: unknown; readonly output: T } | undefined;
    /** The conversion to a JSON schema; libraries from before 2026 lack it. */
    readonly jsonSchema?: SchemaConverter | undefined;
  };
}

export interface SchemaConverter {
  readonly input: (options: { readonly target: string }) => Record<string, unknown>;
}

/** The result of a validation by a Standard Schema. */
export type Validation<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly ValidationIssue[] };

export interface ValidationIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/**
 * The type of `object` in an answer of the format `F`: the output of a Standard Schema, the type that a JSON schema
 * written in place or `as const` describes, the options of a choice, and otherwise `unknown`.
 */
export type FormatOutput<F> = typeof outputType extends keyof F
  ? F extends { readonly [outputType]?: infer T }
    ? T
    : never
  : F extends { readonly type: "json"; readonly schema: infer S }
    ? S extends StandardSchema<infer T>
      ? T
      : FromSchema<S>
    : F extends { readonly type: "choice"; readonly options: readonly (infer Option)[] }
      ? Option
      : unknown;

/** The type that a JSON schema describes, with `Root` for its references; `unknown` for what it cannot express. */
export type FromSchema<S, Root = S> = S extends false
  ? never
  : S extends { readonly $ref: infer Path }
    ? FromReference<Path, Root>
    : S extends { readonly const: infer Value }
      ? Writable<Value>
      : S extends { readonly enum: readonly (infer Value)[] }
        ? Writable<Value>
        : S extends { readonly anyOf: readonly (infer Each)[] } | { readonly oneOf: readonly (infer Each)[] }
          ? FromSchema<Each, Root>
          : S extends { readonly type: infer Name; readonly nullable: true }
            ? FromType<Name, S, Root> | null
            : S extends { readonly type: readonly (infer Name)[] }
              ? FromType<Name, S, Root>
              : S extends { readonly type: infer Name }
                ? FromType<Name, S, Root>
                : unknown;

type FromReference<Path, Root> = Path extends "#"
  ? FromSchema<Root, Root>
  : Path extends `#/$defs/${infer Name}`
    ? Root extends { readonly $defs: { readonly [N in Name]: infer S } }
      ? FromSchema<S, Root>
      : unknown
    : unknown;

type FromType<Name, S, Root> = Name extends "string"
  ? string
  : Name extends "number" | "integer"
    ? number
    : Name extends "boolean"
      ? boolean
      : Name extends "null"
        ? null
        : Name extends "array"
          ? FromArray<S, Root>
          : Name extends "object"
            ? FromObject<S, Root>
            : unknown;

type FromArray<S, Root> = S extends { readonly prefixItems: infer Items extends readonly unknown[] }
  ? S extends { readonly items: false }
    ? { -readonly [I in keyof Items]: FromSchema<Items[I], Root> }
    : [...{ -readonly [I in keyof Items]: FromSchema<Items[I], Root> }, ...FromItems<S, Root>[]]
  : FromItems<S, Root>[];

type FromItems<S, Root> = S extends { readonly items: infer Item } ? FromSchema<Item, Root> : unknown;

type FromObject<S, Root> = S extends { readonly properties: infer P }
  ? Flat<
      { -readonly [K in keyof P as K extends RequiredName<S> ? K : never]: FromSchema<P[K], Root> } & {
        -readonly [K in keyof P as K extends RequiredName<S> ? never : K]?: FromSchema<P[K], Root>;
      }
    >
  : S extends { readonly additionalProperties: infer Each }
    ? { [key: string]: FromSchema<Each, Root> }
    : { [key: string]: unknown };

type RequiredName<S> = S extends { readonly required: readonly (infer Name)[] } ? Name : never;

/** One object type instead of an intersection, as editors show it. */
type Flat<T> = { [K in keyof T]: T[K] };

/** The type without `readonly`, which values of a schema `as const` have. */
type Writable<T> = T extends object ? { -readonly [K in keyof T]: Writable<T[K]> } : T;

/** A value while it arrives: each property can be missing, and each array or text can be incomplete. */
export type DeepPartial<T> = T extends readonly unknown[]
  ? number extends T["length"]
    ? DeepPartial<T[number]>[]
    : { [I in keyof T]?: DeepPartial<T[I]> }
  : T extends object
    ? { [K in keyof T]?: DeepPartial<T[K]> }
    : T;
