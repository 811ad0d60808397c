// Messages → the prompt in the form that the model was trained on, by the Jinja template in its file. Templates are
// untrusted code: they receive plain data only, and their work, output and time are limited.
import { CamelGPTError, describe, errorToData, excerpt } from "../errors.js";
import type { RenderedPrompt } from "../rendered-prompt.js";
import { Budget, type Limits, withBudget } from "./jinja/budget.js";
import { Interpreter } from "./jinja/evaluate.js";
import { parse } from "./jinja/parser.js";
import type { Statement } from "./jinja/tree.js";
import { fail, TemplateError } from "./jinja/values.js";
import { formsOf, isComplete } from "./message-forms.js";
import { type ChatMessage, contentText } from "./messages.js";
import type { RenderedChat, TemplateInput } from "./rendering.js";
import { globals, maxNesting, Refusal } from "./template-globals.js";
import { hasCalls } from "./tool-text.js";

/** Far above what real templates need: the longest known one has 40 KB. */
const maxTemplateLength = 256 << 10;
const maxErrorLength = 300;

/** Renders the messages as `renderChat` does; the result and the error are data, which can cross to another thread. */
export function renderToData(input: TemplateInput): RenderedChat {
  const notes: string[] = [];
  try {
    return { prompt: renderChat(input, (note) => notes.push(note)), notes };
  } catch (error) {
    return { error: errorToData(error), notes };
  }
}

/**
 * Renders the messages, in another form if the template refuses or drops some of them: see message-forms.ts. `onNote`
 * is told so.
 * Errors: `bad-input` if the template refuses the messages, `bad-template` if it fails or exceeds a limit.
 */
export function renderChat(input: TemplateInput, onNote: (note: string) => void = () => {}): RenderedPrompt {
  const { template, messages } = input;
  try {
    return renderAny(input, onNote);
  } catch (error) {
    if (error instanceof Refusal) {
      throw new CamelGPTError("bad-input", `The model's chat template refuses these messages: ${shortened(error)}`, {
        expected: "messages that the template accepts",
        found: `roles ${excerpt(messages.map((message) => message.role).join(", "))}`,
      });
    }
    throw new CamelGPTError("bad-template", `The model's chat template failed: ${shortened(error)}`, {
      expected: "a Jinja template that converts messages to text",
      found: excerpt(template),
      hint: "Give another template with the option `chatTemplate`, or use generateText with a complete prompt.",
    });
  }
}

function shortened(error: unknown): string {
  if (error instanceof RangeError) return "it nests too deep";
  const text = describe(error);
  return text.length > maxErrorLength ? `${text.slice(0, maxErrorLength)}…` : text;
}

/** A template, read once and rendered with one or several forms of the messages within one budget. */
interface Rendering {
  input: TemplateInput;
  statements: readonly Statement[];
  budget: Budget;
}

/** Tries the forms of the messages until the template accepts one and shows all of it. */
function renderAny(input: TemplateInput, onNote: (note: string) => void): RenderedPrompt {
  const rendering = parseWithin(input);
  let first: { prompt: RenderedPrompt; notes: readonly string[] } | undefined;
  let refusal: Error | undefined;
  for (const { messages, tools, notes, isFor } of formsOf(input)) {
    if (refusal && isFor && !isFor(refusal.message)) continue;
    try {
      const prompt = render(rendering, messages, tools);
      if (!isComplete(prompt.text, input.messages)) {
        first ??= { prompt, notes };
        continue;
      }
      notes.forEach(onNote);
      return prompt;
    } catch (error) {
      // Arguments of calls can have the wrong form for a template, which then fails.
      const isOfForm = error instanceof Refusal || (error instanceof TemplateError && hasCalls(messages));
      if (!isOfForm) throw error;
      refusal ??= error;
    }
  }
  if (!first) throw refusal;
  first.notes.forEach(onNote);
  return first.prompt; // of a template that shows no system text anywhere
}

function parseWithin(input: TemplateInput): Rendering {
  const { template } = input;
  if (template.length > maxTemplateLength) throw new Error(`it is longer than ${maxTemplateLength} characters`);
  const budget = new Budget(limitsFor(input));
  return { input, budget, statements: withBudget(budget, () => parse(template)) };
}

/**
 * The limits grow with the messages, which are the caller's own: with their size, and with the square of their number,
 * since some templates look back over all messages for each one. Known templates need at most 34,000 steps and 0.5 MB
 * for short conversations, and for long ones a quarter of what grows here.
 */
function limitsFor({ messages, tools, documents, variables }: TemplateInput): Limits {
  const size = sizeOf([messages, tools, documents, variables], 0);
  const pairs = messages.length ** 2;
  return {
    steps: 1_000_000 + 2 * size + 20 * pairs,
    characters: 1_000_000 + 8 * size,
    pieces: 20_000 + size / 4,
    bytes: 16_000_000 + 16 * size + 40 * pairs,
    milliseconds: 120 + size / 2000 + pairs / 200,
  };
}

/** The characters of all texts in a value, and 8 for each value in it. */
function sizeOf(data: unknown, depth: number): number {
  if (typeof data === "string") return 8 + data.length;
  if (typeof data !== "object" || data === null) return 8;
  if (depth > maxNesting) return fail(`a message nests more than ${maxNesting} levels deep`);
  let size = 8;
  for (const [key, value] of Object.entries(data)) size += key.length + sizeOf(value, depth + 1);
  return size;
}

function render(rendering: Rendering, messages: readonly ChatMessage[], tools: TemplateInput["tools"]): RenderedPrompt {
  const input = { ...rendering.input, messages, tools };
  return input.continueFinalMessage ? renderContinued(rendering, input) : renderForm(rendering, input);
}

/** Renders the messages up to the end of the content of the last one. */
function renderContinued(rendering: Rendering, input: TemplateInput): RenderedPrompt {
  const { messages } = input;
  const content = contentText(messages.at(-1) as ChatMessage);
  if (content.trim() !== "") {
    const cut = cutAfter(renderForm(rendering, { ...input, addGenerationPrompt: false }), content);
    if (cut) return cut;
  }
  // The content is empty, or the template changes it.
  const { text, literal } = renderForm(rendering, {
    ...input,
    messages: messages.slice(0, -1),
    addGenerationPrompt: true,
  });
  return {
    text: text + content,
    literal: content ? [...literal, [text.length, text.length + content.length]] : literal,
  };
}

/** Cuts a prompt after the last place where the messages have this content, with or without its white space. */
function cutAfter({ text, literal }: RenderedPrompt, content: string): RenderedPrompt | undefined {
  const wanted = content.trim();
  const isOfMessages = (at: number) => literal.some(([from, to]) => from <= at && at + wanted.length <= to);
  let at = text.lastIndexOf(wanted);
  while (at > 0 && !isOfMessages(at)) at = text.lastIndexOf(wanted, at - 1);
  if (at < 0 || !isOfMessages(at)) return undefined;
  const whole = content.trimStart();
  const end = at + (text.startsWith(whole, at) ? whole.length : wanted.length);
  const within = literal.filter(([from]) => from < end);
  return { text: text.slice(0, end), literal: within.map(([from, to]) => [from, Math.min(to, end)]) };
}

function renderForm({ statements, budget }: Rendering, input: TemplateInput): RenderedPrompt {
  const variables = globals(input);
  return withBudget(budget, () => {
    const { text, marks } = new Interpreter(variables).render(statements);
    const { pieces } = budget.limits;
    if (marks.length > 2 * pieces) throw new Error(`it cuts the messages into more than ${Math.round(pieces)} pieces`);
    const literal: [number, number][] = [];
    for (let i = 0; i < marks.length; i += 2) literal.push([marks[i] ?? 0, marks[i + 1] ?? 0]);
    return { text, literal };
  });
}
