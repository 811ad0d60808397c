// camelgpt generate: a prompt → its continuation, or an answer.
import { writeFile } from "node:fs/promises";

import { type GenerationOptions, generationOptionsRules, generationOptionsWords } from "../../../web/engine/records.js";
import type { CamelGPTInference, GenerateOptions, PrefillProgress, TextStream } from "../entry/node.js";
import { type Command, type Flag, type Flags, UsageError } from "./command.js";
import { readBytes, textArgument } from "./input.js";
import { modelFlags, withModel } from "./model.js";
import { printAnswer, printJson, printNote, showProgressLine, showsProgress } from "./output.js";
import { pruningLine } from "./pruning.js";
import { flagsOf, optionsOf } from "./table-flags.js";

/** Flags that are not in the core's tables. */
const ownFlags: Record<string, Flag> = {
  "logit-bias": {
    takes: "text",
    value: "ID=BIAS",
    many: true,
    help: "Added to the logit of a token; -Infinity forbids it.",
  },
  stop: { takes: "text", value: "TEXT", many: true, help: "End before this text." },
};

export const generate: Command = {
  summary: "continue a text, or answer with --chat",
  usage: '[--model M] [--prompt] "text" | - [options]',
  flags: {
    prompt: { takes: "text", value: "P", help: "The text; - reads standard input." },
    chat: {
      takes: "nothing",
      help:
        "The text is a question: apply the model's chat template, and sample as the model recommends " +
        "(camelgpt inspect shows it).",
    },
    system: { takes: "text", value: "TEXT", help: "With --chat: a system message before the question." },
    "load-state": {
      takes: "text",
      value: "F",
      help: "Restore a file of --save-state: a prompt that begins with its text continues from there.",
    },
    "save-state": { takes: "text", value: "F", help: "Save the evaluated prompt and answer to a file." },
    ...flagsOf(generationOptionsRules, generationOptionsWords),
    ...ownFlags,
    ...modelFlags,
  },

  async run(flags, signal) {
    const prompt = await textArgument(flags, "prompt");
    if (flags.text("system") !== undefined && !flags.has("chat")) throw new UsageError("--system goes with --chat.");
    const rssBefore = process.memoryUsage.rss();
    const [loaded, saved] = [flags.text("load-state"), flags.text("save-state")];
    const state = loaded === undefined ? undefined : await readBytes(loaded, "a saved state");
    await withModel(flags, signal, async (model) => {
      if (state) await model.loadState(state, { signal });
      const stream = start(model, prompt, flags, signal);
      if (flags.json) await printResult(model, stream, rssBefore);
      else await printStream(model, stream, await isSampled(model, flags));
      if (saved !== undefined) await writeFile(saved, await model.saveState());
    });
  },
};

function start(model: CamelGPTInference, prompt: string, flags: Flags, signal: AbortSignal): TextStream {
  const options = generateOptions(flags, signal);
  if (!flags.has("chat")) return model.stream(prompt, options);
  const system = flags.text("system");
  const messages = [{ role: "user", content: prompt }];
  if (system !== undefined) messages.unshift({ role: "system", content: system });
  return model.chat(messages, options);
}

function generateOptions(flags: Flags, signal: AbortSignal): GenerateOptions {
  return {
    ...(optionsOf(flags, generationOptionsRules) as Partial<GenerationOptions>),
    logitBias: Object.fromEntries(flags.texts("logit-bias").map(biasOf)),
    stop: flags.texts("stop"),
    signal,
    onProgress: showsProgress() ? prefillLine() : undefined,
  };
}

/** Prompts that take less than this many tokens are evaluated too soon to be watched. */
const minWatchedTokens = 128;

/** Returns a function that shows the progress of a long prompt. The line is removed before the answer. */
function prefillLine(): (progress: PrefillProgress) => void {
  let isShown = false;
  return ({ done, total }) => {
    isShown ||= total - done >= minWatchedTokens;
    if (isShown) showProgressLine(done < total ? `reading the prompt: ${done} of ${total} tokens` : "");
  };
}

function biasOf(text: string): [number, number] {
  const match = /^(\d+)=(.+)$/.exec(text);
  if (!match) throw new UsageError(`--logit-bias wants ID=BIAS, not ${JSON.stringify(text)}.`);
  return [Number(match[1]), Number(match[2])];
}

/** Whether another seed gives another text. */
async function isSampled(model: CamelGPTInference, flags: Flags): Promise<boolean> {
  const { temperature = 0 } = flags.has("chat") ? (await model.info()).sampling : {};
  return (flags.number("temperature") ?? temperature) > 0;
}

async function printStream(model: CamelGPTInference, stream: TextStream, isSampled: boolean): Promise<void> {
  await printAnswer(stream);
  const { usage, timings, finishReason, engine, seed } = await stream;
  const cached = usage.cachedTokens === undefined ? "" : ` (${usage.cachedTokens} of them kept)`;
  const parts = [
    usage.bytes === undefined
      ? `${usage.completionTokens} tokens`
      : `${usage.completionTokens} chunks of ${usage.bytes} bytes`,
    `${timings.decodeTokensPerSecond.toFixed(1)} tok/s`,
    `prompt ${usage.promptTokens} tokens${cached} at ${timings.prefillTokensPerSecond.toFixed(0)} tok/s`,
    `loaded in ${(timings.loadMs / 1000).toFixed(2)} s`,
    engine.kernels, // starts with the flavour
    `ended by ${finishReason}`,
    ...(isSampled ? [`seed ${seed}`] : []),
  ];
  printNote(`[${parts.join(" · ")}]`);
  const pruning = pruningLine(await model.report());
  if (pruning) printNote(`[${pruning}]`);
  for (const note of engine.notes) printNote(`[${note}]`);
}

async function printResult(model: CamelGPTInference, stream: TextStream, rssBefore: number): Promise<void> {
  const { text, tokens, finishReason, usage, timings, engine, seed, logprobs } = await stream;
  const { memoryPlan } = await model.info();
  const { queued: _, ...epdp } = await model.report();
  const { loadMs, prefillTokensPerSecond, decodeTokensPerSecond } = timings;
  const result = {
    text,
    tokens,
    finishReason,
    usage,
    timings: { loadMs, prefillTokensPerSecond, decodeTokensPerSecond },
    memory: { modelBytes: memoryPlan.weightBytes, peakBytes: peakRss() - rssBefore },
    epdp,
    engine,
    seed,
    ...(logprobs && { logprobs }),
  };
  printJson(result);
}

/** Returns the peak memory of this process in bytes. Node reports KiB. */
function peakRss(): number {
  return process.resourceUsage().maxRSS * 1024;
}
