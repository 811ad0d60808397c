// Texts and labels → the prompts whose answers are scored.
import { CamelGPTError, excerpt, orAborted } from "../../../web/errors.js";
import type { RenderedPrompt } from "../../../web/rendered-prompt.js";
import type { ChatMessage } from "../../../web/text/messages.js";
import type { LoadedModel } from "../../../web/worker/protocol.js";
import { checkConversation, renderQuestion } from "../chat/render-prompt.js";
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

/** The prompt of a classification, and whether the model was trained to answer it with these labels. */
interface ClassifyPrompt extends Prompt {
  isTrained: boolean;
}

/** The text comes last, so that the beginning is evaluated once for all texts. */
const question = "Labels: {labels}\n\nText: {text}\nLabel:";

/**
 * The prompt for the texts of a classification, with `{text}` and `{labels}` in it. `chat`: whether to use
 * the chat template; undefined: if the model has one and was not trained for these labels.
 * Errors: `bad-metadata`, those of `renderChat`.
 */
export async function classifyPrompt(
  model: ModelConnection,
  labels: readonly string[],
  template: string | undefined,
  chat: boolean | undefined,
  signal: AbortSignal,
): Promise<ClassifyPrompt> {
  const loaded = await orAborted(model.loaded(), signal);
  const trained = template === undefined ? taskFor(loaded, labels)?.template : undefined;
  const isChat = chat ?? (trained === undefined && hasChat(loaded));
  const pattern = template ?? trained ?? question;
  const prompt = isChat ? await renderQuestion(model, asMessages(pattern), signal) : { text: pattern, literal: [] };
  return { prompt, isChat, isTrained: trained !== undefined };
}

/**
 * The prompt of a question: through the chat template if the model has one, otherwise the text itself. Messages always
 * need a chat template. Errors: those of `renderChat`.
 */
export async function questionPrompt(
  model: ModelConnection,
  question: string | readonly ChatMessage[],
  chat: boolean | undefined,
  signal: AbortSignal,
): Promise<Prompt> {
  if (typeof question !== "string") {
    await checkConversation(model, question, signal);
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

/** Replaces the first `{labels}` and the first `{text}` of the prompt by contents, in which control tokens are text. */
export function fillPrompt(prompt: RenderedPrompt, labels: readonly string[], text: string): RenderedPrompt {
  const contents = { "{labels}": labels.join(", "), "{text}": text };
  return Object.entries(contents)
    .map(([name, content]) => ({ name, content, at: prompt.text.indexOf(name) }))
    .filter(({ at }) => at >= 0)
    .sort((a, b) => b.at - a.at) // the last one first, so that the other keeps its place
    .reduce((filled, { name, content, at }) => fill(filled, at, name, content), prompt);
}

function fill(prompt: RenderedPrompt, at: number, name: string, content: string): RenderedPrompt {
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
