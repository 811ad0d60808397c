// A text and labels → which of them fits: how probable each is as the answer to a prompt.
import type { Engine } from "./engine/engine.js";
import { CamelGPTError, excerpt, throwIfAborted } from "./errors.js";
import { prefillSlice } from "./generation.js";
import { pacer } from "./pause.js";
import type { ClassifyParams } from "./protocol.js";
import type { Classification } from "./types.js";

/** What a model was trained for, as its metadata `camelgpt.tasks` say. */
interface Task {
  labels?: string[];
  template: string;
}

const generalTemplate = "{text}\n\nWhich of these fits the text best: {labels}?\nAnswer:";

/** Errors: `unsupported-task` for encoders, `bad-input`, `context-overflow`. */
export async function classify(
  engine: Engine,
  { text, labels, template }: ClassifyParams,
  signal: AbortSignal | undefined,
): Promise<Classification> {
  throwIfAborted(signal);
  const { kind, maskToken } = engine.modelInfo();
  const pattern = template ?? taskFor(engine, labels)?.template ?? generalTemplate;
  // A function: in a text "$&" would mean something.
  const prompt = engine.tokenize(
    pattern.replace("{labels}", () => labels.join(", ")).replace("{text}", () => text),
    true,
    true,
  );
  const pace = pacer();
  const means: number[] = [];
  let evaluated = 0; // masks behind the prompt
  for (const label of labels) {
    // As it stands behind the prompt: with a space before it.
    const answer = engine.tokenize(kind === "masked" ? label : ` ${label}`, false, false);
    if (answer.length === 0) {
      throw new CamelGPTError("bad-input", "A label has no token.", {
        expected: "labels that are words",
        found: excerpt(label),
      });
    }
    if (kind === "masked" && answer.length !== evaluated) {
      evaluated = answer.length;
      engine.predictBegin([...prompt, ...answer.map(() => maskToken ?? 0)], prompt.length);
    }
    const logprobs =
      kind === "masked"
        ? answer.map((token, i) => engine.predict(prompt.length + i, { token }))
        : await causalLogprobs(engine, prompt, answer, pace);
    means.push(logprobs.reduce((sum, each) => sum + each, 0) / answer.length);
    await pace();
    throwIfAborted(signal);
  }
  const largest = Math.max(...means);
  const weights = means.map((mean) => Math.exp(mean - largest));
  const total = weights.reduce((sum, each) => sum + each, 0);
  const candidates = labels
    .map((label, i) => ({ text: label, probability: (weights[i] ?? 0) / total }))
    .sort((a, b) => b.probability - a.probability);
  return { label: candidates[0]?.text ?? "", candidates };
}

async function causalLogprobs(
  engine: Engine,
  prompt: number[],
  answer: number[],
  pace: () => Promise<void> | undefined,
): Promise<number[]> {
  engine.scoreBegin([...prompt, ...answer], false);
  while (engine.scoreContinue(prefillSlice) > 0) await pace();
  return engine
    .scores()
    .slice(-answer.length)
    .map(({ logprob }) => logprob);
}

/** The model's own task for these labels. */
function taskFor(engine: Engine, labels: readonly string[]): Task | undefined {
  const json = engine.metadataString("camelgpt.tasks");
  if (!json) return undefined;
  try {
    const tasks = JSON.parse(json) as Task[];
    return tasks.find(
      (task) => typeof task.template === "string" && labels.every((label) => task.labels?.includes(label)),
    );
  } catch (error) {
    throw new CamelGPTError("bad-metadata", "The model's list of tasks cannot be read.", {
      expected: "camelgpt.tasks: a JSON array of tasks with labels and a template",
      found: excerpt(json),
      hint: "Give a template of your own.",
      cause: error,
    });
  }
}
