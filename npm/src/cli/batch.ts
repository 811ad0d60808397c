// camelgpt batch: a file of requests in OpenAI's batch format → a file of answers, which a second run continues.
import { createWriteStream } from "node:fs";
import { type FileHandle, mkdtemp, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

import { CamelGPTError, describe } from "../../../web/errors.js";
import type { CamelGPTInference } from "../entry/node.js";
import { createOpenAI } from "../openai/openai.js";
import { OutputFile, standardOutput } from "./batch/output.js";
import { type Input, type Plan, planBatch } from "./batch/plan.js";
import { BatchProgress, perSecond } from "./batch/progress.js";
import { runBatch } from "./batch/run-batch.js";
import { type Command, type Flags, UsageError } from "./command.js";
import { modelOptions, withModel } from "./model.js";
import { printJson, printNote } from "./output.js";
import { duration } from "./pull/units.js";

const defaultConcurrency = 4;
const maxConcurrency = 256;
const defaultLineBytes = 16 << 20;
const maxLineBytes = 256 << 20;
/** Exit code of a batch in which requests failed. */
const someFailed = 3;

export const batch: Command = {
  summary: "answer a file of requests in OpenAI's batch format, or continue",
  usage: "[--model M] IN.jsonl OUT.jsonl [options]",
  flags: {
    concurrency: { takes: "number", help: `Requests that run together (default: ${defaultConcurrency}).` },
    "retry-failed": {
      takes: "nothing",
      help: "Send requests again whose answer is an error; these answers are removed from the output.",
    },
    seed: {
      takes: "number",
      help: "Decides, with each request, the seed of requests that have none (default: 0).",
    },
    "max-line-bytes": { takes: "number", help: "Bytes that a line of the input may have (default: 16 MiB)." },
  },
  groups: [modelOptions],

  async run(flags, signal) {
    const [inputPath, outputPath, ...more] = flags.positionals;
    if (inputPath === undefined || outputPath === undefined || more.length > 0) {
      throw new UsageError("batch wants two files: the requests and the answers.", "camelgpt help batch explains it.");
    }
    if (flags.json && outputPath === "-") throw new UsageError("--json and the answers cannot both be on stdout.");
    const concurrency = integerOf(flags, "concurrency", 1, maxConcurrency) ?? defaultConcurrency;
    const reading = {
      seed: integerOf(flags, "seed", 0, Number.MAX_SAFE_INTEGER) ?? 0,
      maxLineBytes: integerOf(flags, "max-line-bytes", 1, maxLineBytes) ?? defaultLineBytes,
    };
    await withInput(inputPath, reading, signal, async (input) => {
      await refuseSameFile(input, outputPath);
      const wait = () => printNote(`Another process writes ${outputPath}: waiting for it.`);
      const output = outputPath === "-" ? standardOutput : await OutputFile.open(outputPath, signal, wait);
      try {
        const file = output instanceof OutputFile ? output : undefined;
        const plan = await planBatch(input, file, flags.has("retry-failed"));
        const progress = new BatchProgress(plan);
        if (plan.answered > 0) printNote(`${outputPath} has ${plan.answered} of ${plan.total} answers already.`);
        const work = async (model: CamelGPTInference) => {
          const { handle, models } = createOpenAI(model);
          await noteOtherModel(plan, models, outputPath);
          const onAnswer = progress.add.bind(progress);
          await runBatch({ input, plan, output, handle, concurrency, signal, onAnswer });
        };
        if (plan.answered < plan.total) await withModel(flags, signal, work, { sideBySide: concurrency });
        progress.end();
        report(flags, plan, progress, outputPath, signal);
      } finally {
        await output.close();
      }
    });
  },
};

/** Errors: UsageError. */
function integerOf(flags: Flags, name: string, min: number, max: number): number | undefined {
  const value = flags.number(name);
  if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return value;
  throw new UsageError(`--${name} wants a whole number from ${min} to ${max}, not ${value}.`);
}

/** Opens the input. Standard input is copied to a temporary file first, since the batch reads it twice. */
async function withInput(
  path: string,
  reading: Pick<Input, "seed" | "maxLineBytes">,
  signal: AbortSignal,
  work: (input: Input) => Promise<void>,
): Promise<void> {
  const folder = path === "-" ? await mkdtemp(join(tmpdir(), "camelgpt-batch-")) : undefined;
  let file: FileHandle | undefined;
  try {
    const place = folder === undefined ? path : join(folder, "input.jsonl");
    const name = folder === undefined ? path : "standard input";
    if (folder !== undefined) await pipeline(process.stdin, createWriteStream(place), { signal });
    file = await openInput(place);
    const status = await file.stat();
    if (!status.isFile()) throw new CamelGPTError("bad-input", `${path} is not a file.`, { expected: "a file" });
    await work({ file, name, bytes: status.size, ...reading });
  } finally {
    await file?.close();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}

async function openInput(path: string): Promise<FileHandle> {
  try {
    return await open(path);
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new CamelGPTError(isMissing ? "not-found" : "read-failed", `${path} cannot be read: ${describe(error)}`, {
      expected: "a file with a request in each line",
      cause: error,
    });
  }
}

async function refuseSameFile({ file, name }: Input, outputPath: string): Promise<void> {
  const [input, output] = [await file.stat(), await stat(outputPath).catch(() => undefined)];
  if (output?.ino === input.ino && output.dev === input.dev)
    throw new UsageError(`${outputPath} is ${name} itself.`, "The answers need a file of their own.");
}

async function noteOtherModel(
  plan: Plan,
  models: { list(): Promise<{ data: readonly { id: string }[] }> },
  path: string,
): Promise<void> {
  const [first] = (await models.list()).data;
  if (plan.model !== undefined && first && first.id !== plan.model)
    printNote(`${path} has answers of ${plan.model}; the others will be of ${first.id}.`);
}

function report(flags: Flags, plan: Plan, progress: BatchProgress, path: string, signal: AbortSignal): void {
  const { done, failed, sent, completionTokens } = progress;
  const seconds = progress.seconds();
  const counts = { requests: plan.total, answered: done - failed, failed, open: plan.total - done };
  if (flags.json)
    printJson({ ...counts, earlier: plan.answered, completionTokens, seconds: Number(seconds.toFixed(3)) });
  if (signal.aborted) {
    const more = path === "-" ? "." : `: ${path} has ${done}. The same command continues.`;
    printNote(`Stopped after ${done} of ${plan.total} requests${more}`);
    return;
  }
  const parts = [
    `${done} of ${plan.total} requests in ${duration(seconds)}`,
    sent > 0 && `${perSecond(sent / seconds)} requests/s`,
    completionTokens > 0 && `${perSecond(completionTokens / seconds)} tok/s`,
    failed > 0 && `${failed} failed`,
  ];
  printNote(parts.filter(Boolean).join(" · "));
  if (failed === 0) return;
  if (path !== "-") printNote("Their lines say why. --retry-failed sends them again.");
  process.exitCode = someFailed;
}
