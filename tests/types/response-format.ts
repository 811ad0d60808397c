// The types that `responseFormat` gives to the values of answers.
import { z } from "zod";

import type { DeepPartial, FromSchema, JsonSchema, ResponseFormat } from "../../npm/src/exports.js";
import type { CamelGPTInference } from "../../npm/src/entry/node.js";

/** Whether two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const check = <_ extends true>() => {};

declare const model: CamelGPTInference;
declare const unknownSchema: JsonSchema;

interface Person {
  name: string;
  age: number;
}

const zodPerson = z.object({ name: z.string(), age: z.number(), born: z.string().transform((text) => new Date(text)) });
const jsonPerson = {
  type: "object",
  properties: { name: { type: "string" }, age: { type: "integer" } },
  required: ["name", "age"],
} as const;

export async function ofStreams() {
  const byZod = await model.stream("p", { responseFormat: { type: "json", schema: zodPerson } });
  check<Same<typeof byZod.object, { name: string; age: number; born: Date } | undefined>>();

  const byJson = await model.stream("p", { responseFormat: { type: "json", schema: jsonPerson }, maxTokens: 10 });
  check<Same<typeof byJson.object, { name: string; age: number } | undefined>>();

  const inPlace = await model.stream("p", {
    responseFormat: {
      type: "json",
      schema: {
        type: "object",
        properties: { kind: { enum: ["a", "b"] }, tags: { type: "array", items: { type: "string" } } },
        required: ["kind"],
      },
    },
  });
  check<Same<typeof inPlace.object, { kind: "a" | "b"; tags?: string[] } | undefined>>();

  const choice = await model.stream("p", { responseFormat: { type: "choice", options: ["yes", "no"] } });
  check<Same<typeof choice.object, "yes" | "no" | undefined>>();

  const byArgument = await model.stream<Person>("p", { responseFormat: { type: "json", schema: unknownSchema } });
  check<Same<typeof byArgument.object, Person | undefined>>();

  const format: ResponseFormat<Person> = { type: "json", schema: unknownSchema };
  const byFormat = await model.stream("p", { responseFormat: format });
  check<Same<typeof byFormat.object, Person | undefined>>();

  const untyped = await model.stream("p", { responseFormat: { type: "json", schema: unknownSchema } });
  check<Same<typeof untyped.object, unknown>>();
  const anyJson = await model.stream("p", { responseFormat: { type: "json" } });
  check<Same<typeof anyJson.object, unknown>>();
  const text = await model.stream("p");
  check<Same<typeof text.object, unknown>>();
}

export async function ofChats() {
  const responseFormat = { type: "json", schema: jsonPerson } as const;
  const inChat = await model.chat([{ role: "user", content: "q" }], { responseFormat });

  check<Same<(typeof inChat)["object"], { name: string; age: number } | undefined>>();

  const chat = model.createChat({ responseFormat });
  const sent = await chat.send("q", { responseFormat: { type: "json", schema: zodPerson } });
  check<Same<typeof sent.object, { name: string; age: number; born: Date } | undefined>>();
  const again = await chat.regenerate({ responseFormat: { type: "choice", options: ["a", "b"] } });
  check<Same<typeof again.object, "a" | "b" | undefined>>();
  const byArgument = await chat.send<Person>("q");
  check<Same<typeof byArgument.object, Person | undefined>>();
}

export async function ofObjectStreams() {
  const stream = model.stream("p", { responseFormat: { type: "json", schema: jsonPerson } });
  for await (const partial of stream.objectStream()) check<Same<typeof partial, { name?: string; age?: number }>>();
}

export function wrongFormats() {
  // @ts-expect-error: a pattern is missing
  model.stream("p", { responseFormat: { type: "regex" } });
  // @ts-expect-error: there is no such type
  model.stream("p", { responseFormat: { type: "json_object" } });
  // @ts-expect-error: an option that does not exist
  model.stream("p", { responseFormat: { type: "json" }, maxToken: 10 });
  // @ts-expect-error: options are texts
  void model.generateText("p", { responseFormat: { type: "choice", options: [1, 2] } });
}

export function ofSchemas() {
  check<Same<FromSchema<true>, unknown>>();
  check<Same<FromSchema<false>, never>>();
  check<Same<FromSchema<{ const: 3 }>, 3>>();
  check<Same<FromSchema<{ type: "string"; nullable: true }>, string | null>>();
  check<Same<FromSchema<{ type: ["string", "null"] }>, string | null>>();
  check<Same<FromSchema<{ anyOf: [{ type: "boolean" }, { type: "number" }] }>, boolean | number>>();
  check<Same<FromSchema<{ type: "array" }>, unknown[]>>();
  check<Same<FromSchema<{ type: "array"; prefixItems: [{ type: "string" }]; items: false }>, [string]>>();
  check<Same<FromSchema<{ type: "object"; additionalProperties: { type: "number" } }>, { [key: string]: number }>>();
  check<Same<FromSchema<{ allOf: [] }>, unknown>>();
  type Tree = FromSchema<{
    $ref: "#/$defs/node";
    $defs: {
      node: {
        type: "object";
        properties: { value: { type: "integer" }; children: { type: "array"; items: { $ref: "#/$defs/node" } } };
        required: ["value"];
      };
    };
  }>;
  const tree: Tree = { value: 1, children: [{ value: 2, children: [{ value: 3 }] }] };
  const deep: number | undefined = tree.children?.[0]?.children?.[0]?.value;
  return deep;
}

export function ofPartialObjects() {
  check<
    Same<
      DeepPartial<{ a: string; b: { c: number }[]; d: [string, number]; e: unknown }>,
      { a?: string; b?: { c?: number }[]; d?: [string?, number?]; e?: unknown }
    >
  >();
}
