// Fields that chats and completions share → options of the model.
import type { ResponseFormat } from "../../../web/types.js";
import type { GenerateOptions } from "../options/generate.js";
import { compact, unlimited } from "../adapter-options.js";
import type { Fields } from "./fields.js";
import { closedSchema } from "../tools/closed-schema.js";

/** Fields with the same meaning as an option, by the name of the option. */
const numbers = {
  temperature: "temperature",
  topP: "top_p",
  topK: "top_k",
  minP: "min_p",
  typicalP: "typical_p",
  repeatPenalty: "repeat_penalty",
  repeatLast: "repeat_last_n",
  presencePenalty: "presence_penalty",
  frequencyPenalty: "frequency_penalty",
  dryMultiplier: "dry_multiplier",
  dryBase: "dry_base",
  dryAllowedLength: "dry_allowed_length",
  dryRange: "dry_penalty_last_n",
  xtcProbability: "xtc_probability",
  xtcThreshold: "xtc_threshold",
  minTokens: "min_tokens",
} as const;

/** Fields by the names of options. */
const fieldsOfOptions: ReadonlyMap<string, string> = new Map([
  ...Object.entries(numbers),
  ["maxTokens", "max_tokens"],
  ["logitBias", "logit_bias"],
  ["logprobs", "logprobs"],
  ["stop", "stop"],
  ["seed", "seed"],
  ["tools", "tools"],
  ["toolChoice", "tool_choice"],
  ["responseFormat", "response_format"],
  ["templateOptions", "chat_template_kwargs"],
  ["reasoning", "reasoning_effort"],
  ["continueFinalMessage", "continue_final_message"],
  ["suffix", "suffix"],
]);

/** Fields by the names of options, for errors of the model that name an option. */
export function fieldNames(fields: Fields): ReadonlyMap<string, string> {
  const format = ["grammar", "json_schema"].find((name) => fields.raw(name) !== undefined);
  return new Map([...fieldsOfOptions, ...(format ? [["responseFormat", format] as const] : [])]);
}

const maxAnswers = 128;

export function samplingOptions(fields: Fields): GenerateOptions {
  const values = Object.entries(numbers).map(([option, field]) => [option, fields.number(field)] as const);
  const options: GenerateOptions = Object.fromEntries(values);
  // 0 is what some clients send for "the most probable token"; the model wants a share above 0.
  if (options.topP !== undefined && options.topP <= 0) options.topP = 1e-6;
  // llama.cpp's numbers for "all tokens".
  for (const name of ["repeatLast", "dryRange"] as const) if (options[name] === -1) options[name] = 4096;
  if (options.topK !== undefined && options.topK < 0) options.topK = 0;
  return compact<GenerateOptions>({
    ...options,
    seed: seedOf(fields),
    stop: stopOf(fields),
    logitBias: biasOf(fields),
    ignoreEos: fields.flag("ignore_eos"),
  });
}

/** The limit of a field; undefined if it is missing. */
export function maxTokensOf(fields: Fields, name: string): number | undefined {
  const value = fields.integer(name);
  if (value === undefined || value > 0) return value && Math.min(value, unlimited);
  if (value === -1) return unlimited;
  throw fields.invalid(name, `The field ${fields.path(name)} is not valid. Expected: at least 1. Found: ${value}.`);
}

export function answerCount(fields: Fields): number {
  const n = fields.integer("n") ?? 1;
  if (n >= 1 && n <= maxAnswers) return n;
  throw fields.invalid("n", `The field n is not valid. Expected: 1 to ${maxAnswers}. Found: ${n}.`);
}

/** The format of `grammar` and `json_schema`, which llama.cpp's server has. */
export function localFormat(fields: Fields): ResponseFormat | undefined {
  const grammar = fields.text("grammar");
  const schema = fields.record("json_schema");
  if (grammar && schema) throw fields.invalid("grammar", "The fields grammar and json_schema exclude each other.");
  if (grammar) return { type: "grammar", grammar };
  return schema && { type: "json", schema: closedSchema(schema), strict: false };
}

function seedOf(fields: Fields): number | undefined {
  const seed = fields.integer("seed");
  if (seed === undefined || seed === -1) return undefined; // random
  if (seed >= 0) return seed;
  throw fields.invalid("seed", `The field seed is not valid. Expected: at least 0, or -1. Found: ${seed}.`);
}

function stopOf(fields: Fields): string[] | undefined {
  const stop = fields.raw("stop");
  const texts = typeof stop === "string" ? [stop] : (fields.array("stop") ?? []);
  const isText = (each: unknown) => typeof each === "string";
  if (!texts.every(isText)) throw fields.invalid("stop", "The field stop holds something other than strings.");
  const stops = texts.filter((text) => text !== "");
  return stops.length > 0 ? stops : undefined;
}

function biasOf(fields: Fields): Record<number, number> | undefined {
  const bias = fields.record("logit_bias");
  if (!bias) return undefined;
  for (const [token, value] of Object.entries(bias)) {
    if (/^\d{1,9}$/.test(token) && typeof value === "number") continue;
    throw fields.invalid(
      `logit_bias.${token}`,
      "The field logit_bias is not valid. Expected: numbers by token id. " +
        `Found: ${JSON.stringify(token)}: ${JSON.stringify(value)}.`,
    );
  }
  const entries = Object.entries(bias as Record<string, number>);
  return Object.fromEntries(entries.map(([token, value]) => [token, value <= -100 ? -Infinity : value]));
}
