// The flags that say how an answer is generated.
import { type GenerationOptions, generationOptionsRules, generationOptionsWords } from "../../../web/engine/records.js";
import type { GenerateOptions } from "../entry/node.js";
import { formatFlags } from "./format-flags.js";
import { type FlagGroup, type Flags, UsageError } from "./command.js";
import { flagsOf, optionsOf } from "./table-flags.js";

export const generationOptions: FlagGroup = {
  name: "generation-options",
  title: "Options of the answer",
  flags: {
    ...flagsOf(generationOptionsRules, generationOptionsWords),
    "logit-bias": {
      takes: "text",
      value: "TOKEN=BIAS",
      many: true,
      help: "Added to the logit of a token, by its id or text; -Infinity forbids it.",
    },
    stop: { takes: "text", value: "TEXT", many: true, help: "End before this text." },
    ...formatFlags,
  },
};

/** All but the format of the answer, which can be in a file. Errors: UsageError. */
export function generateOptions(flags: Flags): Omit<GenerateOptions, "signal" | "responseFormat"> {
  return {
    ...(optionsOf(flags, generationOptionsRules) as Partial<GenerationOptions>),
    logitBias: Object.fromEntries(flags.texts("logit-bias").map(biasOf)),
    stop: flags.texts("stop"),
  };
}

function biasOf(text: string): [string, number] {
  const match = /^(.+)=([^=]+)$/s.exec(text);
  if (!match) throw new UsageError(`--logit-bias wants TOKEN=BIAS, not ${JSON.stringify(text)}.`);
  return [match[1] as string, Number(match[2])];
}
