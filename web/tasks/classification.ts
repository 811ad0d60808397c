// A text and labels → the probability of each label as the answer to a prompt.
import type { Engine } from "../engine/engine.js";
import { CamelGPTError, excerpt, throwIfAborted } from "../errors.js";
import { pacer } from "../pause.js";
import { joinPrompt, type RenderedPrompt } from "../rendered-prompt.js";
import type { Classification } from "../types.js";
import { runActivity } from "./activity.js";
import type { TextsContext } from "./embedding.js";
import type { ClassifyParams } from "./params.js";
import { tokenizeText } from "./tokenizing.js";

/** A task for which the model was trained, from its metadata `camelgpt.tasks`. */
interface Task {
  labels?: string[];
  template: string;
}

const generalTemplate = "{text}\n\nWhich of these fits the text best: {labels}?\nAnswer:";

/** Errors: `unsupported-task` for encoders, `bad-input`, `context-overflow`. */
export async function classify(
  engine: Engine,
  { texts, labels, template }: ClassifyParams,
  { signal, onEvent }: TextsContext,
): Promise<Classification[]> {
  throwIfAborted(signal);
  const { kind } = engine.modelInfo();
  const pattern = template ?? taskFor(engine, labels)?.template ?? generalTemplate;
  const answers: number[][] = [];
  for (const label of labels) {
    // Causal models continue the prompt, so the label begins with a space.
    const answer = await tokenizeText(engine, signal, kind === "masked" ? label : ` ${label}`, false, false);
    if (answer.length === 0) {
      throw new CamelGPTError("bad-input", "A label has no tokens.", {
        expected: "labels with at least one token each",
        found: excerpt(label),
      });
    }
    answers.push(answer);
  }
  const results: Classification[] = [];
  for (const text of texts) {
    const filled = fillTemplate(pattern, { "{labels}": labels.join(", "), "{text}": text });
    const prompt = await tokenizeText(engine, signal, filled, true, true);
    results.push(rank(labels, await meanLogprobs(engine, prompt, answers, signal)));
    onEvent?.({ done: results.length, total: texts.length });
  }
  return results;
}

/** The mean log-probability of the tokens of each answer. */
async function meanLogprobs(
  engine: Engine,
  prompt: number[],
  answers: readonly number[][],
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const { kind, maskToken } = engine.modelInfo();
  const pace = pacer();
  const means: number[] = [];
  let maskCount = 0; // number of masks after the prompt in the last evaluation
  for (const answer of answers) {
    if (kind === "masked" && answer.length !== maskCount) {
      maskCount = answer.length;
      engine.evaluateMasks([...prompt, ...answer.map(() => maskToken ?? 0)], prompt.length);
      await runActivity(engine, signal);
    }
    const logprobs =
      kind === "masked"
        ? answer.map((token, i) => engine.predict(prompt.length + i, { token }))
        : await causalLogprobs(engine, prompt, answer, signal);
    means.push(logprobs.reduce((sum, each) => sum + each, 0) / answer.length);
    await pace();
    throwIfAborted(signal);
  }
  return means;
}

function rank(labels: readonly string[], means: readonly number[]): Classification {
  const largest = Math.max(...means);
  const weights = means.map((mean) => Math.exp(mean - largest));
  const total = weights.reduce((sum, each) => sum + each, 0);
  const candidates = labels
    .map((label, i) => ({ text: label, probability: (weights[i] ?? 0) / total }))
    .sort((a, b) => b.probability - a.probability);
  return { label: candidates[0]?.text ?? "", candidates };
}

/** Replaces the first occurrence of each name by its content. */
function fillTemplate(template: string, contents: Readonly<Record<string, string>>): RenderedPrompt {
  const remaining = new Map(Object.entries(contents));
  return joinPrompt(
    template.split(/(\{labels\}|\{text\})/).map((part) => {
      const content = remaining.get(part);
      remaining.delete(part);
      return content === undefined ? part : { content };
    }),
  );
}

async function causalLogprobs(
  engine: Engine,
  prompt: number[],
  answer: number[],
  signal: AbortSignal | undefined,
): Promise<number[]> {
  engine.score([...prompt, ...answer], false, prompt.length); // the prompt is evaluated once for all answers
  await runActivity(engine, signal);
  return engine
    .scores()
    .slice(-answer.length)
    .map(({ logprob }) => logprob);
}

/** Returns the model's own task for these labels. Errors: `bad-metadata`. */
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
      expected: "camelgpt.tasks: a JSON array of tasks, each with labels",
      found: excerpt(json),
      hint: "Give a template with the option `template`.",
      cause: error,
    });
  }
}
