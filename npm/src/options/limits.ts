// Limits of what one call may ask for, so that a server can bound what a stranger's request costs.
import { CamelGPTError } from "../../../web/errors.js";
import type { GenerateParams } from "../../../web/tasks/params.js";
import { checkOptions } from "../check-options.js";
import { integer, largest } from "./rules.js";

/** Limits of the calls on a model. A call beyond one of them is refused before it does any work. */
export interface Limits {
  /**
   * Stop strings of a generation.
   * @default 64, which is also the maximum
   */
  stop?: number;
  /**
   * Characters of a stop string. The engine accepts at most 1,024 bytes.
   * @default 1024
   */
  stopLength?: number;
  /**
   * Entries of `logitBias`.
   * @default 65536
   */
  logitBias?: number;
  /**
   * UTF-16 code units of a `responseFormat`: of its schema as JSON, its pattern, its options together, or its grammar;
   * and of the option `tools` as JSON.
   * @default 2 ** 20
   */
  formatLength?: number;
  /**
   * Answers of one call: the option `n`.
   * @default 128
   */
  n?: number;
  /**
   * Labels of `classify`, options of `choose`, and numbers of `rate`.
   * @default 64
   */
  labels?: number;
  /**
   * Texts of one call of `embed` or `classify`.
   * @default 65536
   */
  texts?: number;
  /**
   * UTF-16 code units of a text, or token ids, for the calls whose texts need not fit into the context: `tokenize`,
   * `countTokens`, `score`, `calibrate`, and `embed` with `truncate`.
   * @default 2 ** 28
   */
  textLength?: number;
  /**
   * Messages of a conversation.
   * @default 65536
   */
  messages?: number;
  /**
   * Calls on one model that have not ended: one runs, and the others wait; `report().queued` tells how many. Further
   * ones reject with `queue-full`.
   * @default 65536
   */
  queue?: number;
}

export const defaultLimits: Required<Limits> = {
  stop: 64,
  stopLength: 1024,
  logitBias: 65536,
  formatLength: 2 ** 20,
  n: 128,
  labels: 64,
  texts: 65536,
  textLength: 2 ** 28,
  messages: 65536,
  queue: 65536,
};

const limitRules = {
  stop: integer(0, 64),
  stopLength: integer(1, 1024),
  logitBias: integer(0, largest),
  formatLength: integer(1, largest),
  n: integer(1, largest),
  labels: integer(2, largest),
  texts: integer(1, largest),
  textLength: integer(1, largest),
  messages: integer(1, largest),
  queue: integer(1, largest),
};

const nouns: Readonly<Record<keyof Limits, string>> = {
  stop: "stop strings",
  stopLength: "characters in a stop string",
  logitBias: "entries in logitBias",
  formatLength: "characters in responseFormat or in tools",
  n: "answers",
  labels: "labels",
  texts: "texts",
  textLength: "characters in a text",
  messages: "messages",
  queue: "calls that wait for the model",
};

/** Returns true. Errors: `bad-option`, which names the limit. */
export function areLimits(value: unknown): boolean {
  checkOptions("limits", value as Limits, limitRules);
  return true;
}

/** `code`: `bad-option` for options, `bad-input` for inputs. */
export function refuseAbove(
  limits: Limits | undefined,
  name: keyof Limits,
  count: number,
  code: "bad-option" | "bad-input" | "queue-full" = "bad-option",
): void {
  const limit = limits?.[name] ?? defaultLimits[name];
  if (count <= limit) return;
  throw new CamelGPTError(code, `There are too many ${nouns[name]}.`, {
    expected: `at most ${limit}`,
    found: String(count),
    hint:
      code === "queue-full"
        ? "Try again later. The load option limits.queue sets this limit."
        : `The load option limits.${name} sets this limit.`,
  });
}

/** Refuses a text (or token ids) that is too long for any call. Errors: `bad-input`. */
export function limitText(limits: Limits | undefined, text: unknown): void {
  if (typeof text === "string" || Array.isArray(text)) refuseAbove(limits, "textLength", text.length, "bad-input");
}

/** Refuses a generation with too many stop strings or biases, or with too long stop strings. Errors: `bad-option`. */
export function limitGeneration(limits: Limits | undefined, { stop, logitBias }: GenerateParams): void {
  refuseAbove(limits, "stop", stop.length);
  for (const each of stop) refuseAbove(limits, "stopLength", each.length);
  refuseAbove(limits, "logitBias", logitBias.length);
}
