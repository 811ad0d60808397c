// Texts and labels → the prompts whose answers are scored.
import { CamelGPTError, excerpt, orAborted } from "../../../web/errors.js";
import type { RenderedPrompt } from "../../../web/rendered-prompt.js";
import type { ChatMessage } from "../../../web/text/messages.js";
import type { LoadedModel } from "../../../web/worker/protocol.js";
import { renderQuestion } from "../chat/render-prompt.js";
import type { ModelConnection } from "../model-connection.js";

/** A prompt, and whether the chat template made it. */
export interface Prompt {
  prompt: RenderedPrompt;
  isChat: boolean;
}

/** A task for which the model was trained, from its metadata `camelgpt.tasks`. */
interface Task {
  labels?: string[];
  template: string;
}

/** The text comes last, so that the beginning is evaluated once for all texts. */
const question = "Which of these fits the text best: {labels}?\n\nText: {text}";

/**
 * The prompt for the texts of a classification, with `{text}` in it, and the labels filled in. `chat`: whether to use
 * the chat template; undefined: if the model has one and was not trained for these labels.
 * Errors: `bad-metadata`, those of `renderPrompt`.
 */
export async function classifyPrompt(
  model: ModelConnection,
  labels: readonly string[],
  template: string | undefined,
  chat: boolean | undefined,
  signal: AbortSignal,
): Promise<Prompt> {
  const loaded = await orAborted(model.loaded(), signal);
  const trained = template === undefined ? taskFor(loaded, labels)?.template : undefined;
  const isChat = chat ?? (trained === undefined && hasChat(loaded));
  const pattern = template ?? trained ?? (isChat ? question : `${question}\n\nAnswer:`);
  const prompt = isChat ? await renderQuestion(model, asMessages(pattern), signal) : { text: pattern, literal: [] };
  return { prompt: fill(prompt, "{labels}", labels.join(", ")), isChat };
}

/**
 * The prompt of a question: through the chat template if the model has one, otherwise the text itself. Messages always
 * need a chat template. Errors: those of `renderPrompt`.
 */
export async function questionPrompt(
  model: ModelConnection,
  question: string | readonly ChatMessage[],
  chat: boolean | undefined,
  signal: AbortSignal,
): Promise<Prompt> {
  if (typeof question !== "string") {
    return { prompt: await renderQuestion(model, question, signal), isChat: true };
  }
  const isChat = chat ?? hasChat(await orAborted(model.loaded(), signal));
  const prompt = isChat ? await renderQuestion(model, asMessages(question), signal) : { text: question, literal: [] };
  return { prompt, isChat };
}

const asMessages = (content: string): readonly ChatMessage[] => [{ role: "user", content }];

export function hasChat({ info, chatTemplate }: LoadedModel): boolean {
  return info.kind === "causal" && chatTemplate !== "";
}

/** Replaces the first occurrence of a name by a content, in which control tokens are text. */
export function fill(prompt: RenderedPrompt, name: string, content: string): RenderedPrompt {
  const at = prompt.text.indexOf(name);
  if (at < 0) return prompt;
  const end = at + name.length;
  const text = prompt.text.slice(0, at) + content + prompt.text.slice(end);
  const shift = content.length - name.length;
  const literal: [number, number][] = [];
  let start = at;
  let last = at + content.length;
  for (const [from, to] of prompt.literal) {
    if (to < at) literal.push([from, to]);
    else if (from <= end) {
      start = Math.min(start, from);
      last = Math.max(last, to + shift);
    }
  }
  literal.push([start, last]);
  for (const [from, to] of prompt.literal) if (from > end) literal.push([from + shift, to + shift]);
  return { text, literal };
}

/** Returns the model's own task for these labels. Errors: `bad-metadata`. */
function taskFor({ tasks: json }: LoadedModel, labels: readonly string[]): Task | undefined {
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
