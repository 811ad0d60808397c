// The input of a batch and the answers of earlier runs → what is left to do, before any request is sent.
import type { FileHandle } from "node:fs/promises";

import { CamelGPTError, excerpt } from "../../../../web/errors.js";
import type { KnownAnswer } from "./answer.js";
import { readLines } from "./lines.js";
import type { OutputFile } from "./output.js";
import { type BatchLine, checkOf, parseLine } from "./request.js";
import { RequestTable } from "./request-table.js";

/** The open input, and how it is read. */
export interface Input {
  file: FileHandle;
  /** For messages. */
  name: string;
  /** Size at the beginning: later lines do not belong to the batch. */
  bytes: number;
  seed: number;
  maxLineBytes: number;
}

export interface Plan {
  table: RequestTable;
  /** Lines of the input that are not empty. */
  total: number;
  answered: number;
  /** Answers among them that are errors. */
  failed: number;
  /** Model of the earlier answers. */
  model: string | undefined;
}

/** The lines of the input that are not empty, in order. */
export async function* batchLines(input: Input): AsyncGenerator<BatchLine> {
  for await (const line of readLines(input.file, input.bytes, input.maxLineBytes)) {
    const parsed = parseLine(line, input.seed, input.maxLineBytes);
    if (parsed) yield parsed;
  }
}

/**
 * Reads both files once. Without an output file nothing is answered. Errors: `bad-input` for a custom_id that occurs
 * twice, and for an output that belongs to other requests.
 */
export async function planBatch(input: Input, output: OutputFile | undefined, retriesFailed: boolean): Promise<Plan> {
  const plan: Plan = { table: new RequestTable(), total: 0, answered: 0, failed: 0, model: undefined };
  let mustRemove = false;
  let known = 0; // answers to requests with a custom_id
  await output?.recover((answer, line) => {
    plan.model ??= answer.model;
    if (retriesFailed && answer.hasFailed) {
      mustRemove = true;
      return;
    }
    addAnswer(plan, answer, `line ${line} of ${output.path}`);
    if (answer.hash !== undefined) known++;
  });
  let found = 0;
  for await (const line of batchLines(input)) {
    plan.total++;
    if (addLine(plan, line, input.name, output?.path) && line.customId !== null) found++;
  }
  if (found < known && output) throw otherInput(known - found, input.name, output.path);
  if (mustRemove) await output?.remove(({ hasFailed }) => hasFailed);
  return plan;
}

function addAnswer({ table }: Plan, { name, hash, hasFailed }: KnownAnswer, place: string): void {
  if (table.get(name)) throw new CamelGPTError("bad-input", `The answer in ${place} is there twice.`);
  table.set(name, { line: 0, check: hash === undefined ? 0 : checkOf(hash), isAnswered: true, hasFailed });
}

/** Returns whether the line has an answer. */
function addLine(plan: Plan, line: BatchLine, inputName: string, outputPath = ""): boolean {
  const { customId, name, hash } = line;
  const entry = plan.table.get(name);
  if (entry && entry.line !== 0) throw twice(customId ?? "", entry.line, line.line, inputName);
  const isAnswered = entry?.isAnswered ?? false;
  if (entry && customId !== null && entry.check !== checkOf(hash)) {
    throw new CamelGPTError(
      "bad-input",
      `Line ${line.line} of ${inputName} is another request than the one that ${outputPath} answers, ` +
        `with the same custom_id ${excerpt(customId)}.`,
      { hint: "Write to another file, or start with the --seed and the requests of the earlier run." },
    );
  }
  plan.table.set(name, { line: line.line, check: checkOf(hash), isAnswered, hasFailed: entry?.hasFailed ?? false });
  if (isAnswered) plan.answered++;
  if (entry?.hasFailed) plan.failed++;
  return isAnswered;
}

function twice(customId: string, first: number, second: number, name: string): CamelGPTError {
  return new CamelGPTError(
    "bad-input",
    `Lines ${first} and ${second} of ${name} have the same custom_id ${excerpt(customId)}.`,
    { expected: "a custom_id of its own for each request", hint: "Nothing was sent." },
  );
}

function otherInput(count: number, name: string, path: string): CamelGPTError {
  const answers = count === 1 ? "an answer to a request" : `answers to ${count} requests`;
  return new CamelGPTError("bad-input", `${path} has ${answers} that ${name} does not have.`, {
    hint: "It is the output of another batch. Choose another file.",
  });
}
