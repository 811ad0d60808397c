// camelgpt generate: a prompt → its continuation, or an answer.
import { writeFile } from "node:fs/promises";

import type { CamelGPTInference, GenerateOptions, TextStream } from "../entry/node.js";
import { type Command, type Flag, type Flags, UsageError } from "./command.js";
import { readBytes, textArgument } from "./input.js";
import { modelFlags, withModel } from "./model.js";

const samplingFlags: Record<string, Flag> = {
  "max-tokens": { takes: "number", help: "tokens to generate at most (default 256)" },
  temperature: { takes: "number", help: "0: always the most probable token (default 0)" },
  "top-k": { takes: "number", help: "keep the N most probable tokens; 0: all (default 40)" },
  "top-p": { takes: "number", help: "keep the most probable tokens up to this probability (default 0.95)" },
  "min-p": { takes: "number", help: "keep tokens with this share of the best one's probability (default 0.05)" },
  "typical-p": { takes: "number", help: "locally typical sampling; 1: off (default 1)" },
  "repeat-penalty": { takes: "number", help: "for tokens that occurred; 1: off (default 1)" },
  "repeat-last": { takes: "number", help: "tokens that the penalties see (default 64)" },
  "presence-penalty": { takes: "number", help: "taken once from what occurred (default 0)" },
  "frequency-penalty": { takes: "number", help: "taken for each occurrence (default 0)" },
  "logit-bias": {
    takes: "text",
    value: "ID=BIAS",
    many: true,
    help: "added to the logit of a token; -Infinity forbids it",
  },
  seed: { takes: "number", help: "the same seed gives the same text (default: random)" },
  stop: { takes: "text", value: "TEXT", many: true, help: "end before this text" },
  "ignore-eos": { takes: "nothing", help: "never choose the model's end token" },
  "context-shift": { takes: "nothing", help: "go on where the context is full, without the older half of the text" },
  steps: { takes: "number", help: "in which a masked model decides a block of its answer (default 3)" },
  logprobs: { takes: "number", help: "with --json: the N most probable tokens of each step" },
};

export const generate: Command = {
  summary: "continue a text, or answer with --chat",
  usage: '[--model M] [--prompt] "text" | - [options]',
  flags: {
    prompt: { takes: "text", value: "P", help: "the text; - reads standard input" },
    chat: { takes: "nothing", help: "the text is a question: apply the model's chat template" },
    system: { takes: "text", value: "TEXT", help: "with --chat: a system message before the question" },
    "load-state": {
      takes: "text",
      value: "F",
      help: "begin with what --save-state kept: a prompt that begins with that text goes on from there",
    },
    "save-state": { takes: "text", value: "F", help: "keep prompt and answer, as they are evaluated, in a file" },
    ...samplingFlags,
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
      if (flags.json) await printJson(model, stream, rssBefore);
      else await printText(stream);
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
    signal,
    maxTokens: flags.number("max-tokens"),
    temperature: flags.number("temperature"),
    topK: flags.number("top-k"),
    topP: flags.number("top-p"),
    minP: flags.number("min-p"),
    typicalP: flags.number("typical-p"),
    repeatPenalty: flags.number("repeat-penalty"),
    repeatLast: flags.number("repeat-last"),
    presencePenalty: flags.number("presence-penalty"),
    frequencyPenalty: flags.number("frequency-penalty"),
    logitBias: Object.fromEntries(flags.texts("logit-bias").map(biasOf)),
    seed: flags.number("seed"),
    stop: flags.texts("stop"),
    ignoreEos: flags.has("ignore-eos"),
    contextShift: flags.has("context-shift"),
    steps: flags.number("steps"),
    logprobs: flags.number("logprobs"),
  };
}

function biasOf(text: string): [number, number] {
  const match = /^(\d+)=(.+)$/.exec(text);
  if (!match) throw new UsageError(`--logit-bias wants ID=BIAS, not ${JSON.stringify(text)}.`);
  return [Number(match[1]), Number(match[2])];
}

async function printText(stream: TextStream): Promise<void> {
  for await (const piece of stream) process.stdout.write(piece);
  process.stdout.write("\n");
  const { usage, timings, finishReason, engine } = await stream;
  const parts = [
    usage.bytes === undefined
      ? `${usage.completionTokens} tokens`
      : `${usage.completionTokens} chunks of ${usage.bytes} bytes`,
    `${timings.decodeTokensPerSecond.toFixed(1)} tok/s`,
    `prompt ${usage.promptTokens} tokens${usage.cachedTokens === undefined ? "" : ` (${usage.cachedTokens} of them kept)`} at ${timings.prefillTokensPerSecond.toFixed(0)} tok/s`,
    `loaded in ${(timings.loadMs / 1000).toFixed(2)} s`,
    engine.kernels, // begins with the flavour
    `ended by ${finishReason}`,
  ];
  process.stderr.write(`[${parts.join(" · ")}]\n`);
  for (const note of engine.notes) process.stderr.write(`[${note}]\n`);
}

async function printJson(model: CamelGPTInference, stream: TextStream, rssBefore: number): Promise<void> {
  const { text, tokens, finishReason, usage, timings, engine, seed, logprobs } = await stream;
  const { memoryPlan } = await model.info();
  const { loadMs, prefillTokensPerSecond, decodeTokensPerSecond } = timings;
  const result = {
    text,
    tokens,
    finishReason,
    usage,
    timings: { loadMs, prefillTokensPerSecond, decodeTokensPerSecond },
    memory: { modelBytes: memoryPlan.weightBytes, peakBytes: peakRss() - rssBefore },
    epdp: await model.report(),
    engine,
    seed,
    ...(logprobs && { logprobs }),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

/** The most memory this process ever had, in bytes. Node gives it in KiB. */
function peakRss(): number {
  return process.resourceUsage().maxRSS * 1024;
}
