// camelgpt generate: a prompt → its continuation, or an answer.
import { writeFile } from "node:fs/promises";

import type { CamelGPTInference, ChatOptions, GenerationResult, TextStream } from "../entry/node.js";
import { type Command, type Flags, UsageError } from "./command.js";
import { formatOf } from "./format-flags.js";
import { generateOptions, generationOptions } from "./generation-flags.js";
import { readBytes, textArgument } from "./input.js";
import { modelOptions, withModel } from "./model.js";
import { prefillProgress, printAnswer, printJson, printNote } from "./output.js";
import { pruningLine } from "./pruning.js";
import { toolFlags, toolOptions } from "./tool-flags.js";
import { refuseTemplateFlags, templateFlags, templateOptions, textAfterReasoning } from "./reasoning.js";

export const generate: Command = {
  summary: "continue a text, or answer with --chat",
  usage: '[--model M] [--prompt] "text" | - [options]',
  flags: {
    prompt: { takes: "text", short: "p", value: "P", help: "The text; - reads standard input." },
    chat: {
      takes: "nothing",
      help:
        "The text is a question: apply the model's chat template, and sample as the model recommends " +
        "(camelgpt inspect shows it).",
    },
    suffix: {
      takes: "text",
      value: "TEXT",
      help: "The text after a gap that follows the prompt: the answer fills the gap. For models for code.",
    },
    echo: { takes: "nothing", help: "Print the prompt before the answer." },
    system: { takes: "text", value: "TEXT", help: "With --chat: a system message before the question." },
    ...toolFlags,
    ...templateFlags,
    "load-state": {
      takes: "text",
      value: "F",
      help: "Restore a file of --save-state: a prompt that begins with its text continues from there.",
    },
    "save-state": { takes: "text", value: "F", help: "Save the evaluated prompt and answer to a file." },
  },
  groups: [{ ...generationOptions, isExplained: true }, modelOptions],

  async run(flags, signal) {
    const prompt = await textArgument(flags, "prompt");
    if (flags.text("system") !== undefined && !flags.has("chat")) throw new UsageError("--system goes with --chat.");
    if (!flags.has("chat")) refuseTemplateFlags(flags);
    if (flags.has("chat") && (flags.has("echo") || flags.text("suffix") !== undefined)) {
      throw new UsageError("--suffix and --echo continue a text: they do not go with --chat.");
    }
    const format = await formatOf(flags);
    const tools = await toolOptions(flags);
    const rssBefore = process.memoryUsage.rss();
    const [loaded, saved] = [flags.text("load-state"), flags.text("save-state")];
    const state = loaded === undefined ? undefined : await readBytes(loaded, "a saved state");
    await withModel(flags, signal, async (model) => {
      if (state) await model.loadState(state, { signal });
      const stream = start(model, prompt, { responseFormat: format, ...tools }, flags, signal);
      if (flags.json) await printResult(model, stream, rssBefore);
      else await printStream(model, stream, await isSampled(model, flags, flags.has("chat")));
      if (saved !== undefined) await writeFile(saved, await model.saveState());
      const { objectError } = await stream;
      if (objectError && !flags.json) throw objectError;
    });
  },
};

function start(
  model: CamelGPTInference,
  prompt: string,
  more: Pick<ChatOptions, "responseFormat" | "tools" | "toolChoice">,
  flags: Flags,
  signal: AbortSignal,
): TextStream {
  const options = { ...generateOptions(flags), ...more, signal, onProgress: prefillProgress() };
  if (!flags.has("chat")) {
    return model.stream(prompt, { ...options, suffix: flags.text("suffix"), ...(flags.has("echo") && { echo: true }) });
  }
  const system = flags.text("system");
  const messages = [{ role: "user", content: prompt }];
  if (system !== undefined) messages.unshift({ role: "system", content: system });
  return model.chat(messages, { ...options, ...templateOptions(flags) });
}

/** Whether another seed gives another text. */
export async function isSampled(model: CamelGPTInference, flags: Flags, isChat: boolean): Promise<boolean> {
  const { temperature = 0 } = isChat ? (await model.info()).sampling : {};
  return (flags.number("temperature") ?? temperature) > 0;
}

async function printStream(model: CamelGPTInference, stream: TextStream, isSampled: boolean): Promise<void> {
  await printAnswer(textAfterReasoning(stream));
  for (const { name, arguments: values, argumentsText, error } of (await stream).toolCalls ?? []) {
    const input = values ? JSON.stringify(values) : argumentsText;
    printNote(`[calls ${name} with ${input}${error === undefined ? "" : `: ${error}`}]`);
  }
  await printSummary(model, await stream, isSampled);
}

/** Prints the speed of an answer, and what was left out of it, on stderr. */
export async function printSummary(
  model: CamelGPTInference,
  result: GenerationResult,
  isSampled: boolean,
): Promise<void> {
  const { usage, timings, finishReason, engine, seed } = result;
  const cached = usage.cachedTokens === undefined ? "" : ` (${usage.cachedTokens} of them kept)`;
  const reasoned = usage.reasoningTokens === undefined ? "" : ` (${usage.reasoningTokens} of them reasoning)`;
  const parts = [
    usage.bytes === undefined
      ? `${usage.completionTokens} tokens${reasoned}`
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
  const generated = await stream;
  const { text, reasoning, tokens, finishReason, usage, timings, engine, seed, logprobs } = generated;
  const { memoryPlan } = await model.info();
  const { queued: _, ...epdp } = await model.report();
  const { loadMs, prefillTokensPerSecond, decodeTokensPerSecond } = timings;
  const result = {
    text,
    ...(generated.toolCalls && { toolCalls: generated.toolCalls }),
    ...(reasoning !== undefined && { reasoning }),
    ...objectOf(generated),
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

/** The value of an answer in a format, or why it has none; the command then ends with the exit code of a fault. */
export function objectOf({ object, objectError }: GenerationResult): Pick<GenerationResult, "object" | "objectError"> {
  if (!objectError) return object === undefined ? {} : { object };
  process.exitCode = 1;
  return { objectError };
}

/** Returns the peak memory of this process in bytes. Node reports KiB. */
function peakRss(): number {
  return process.resourceUsage().maxRSS * 1024;
}
