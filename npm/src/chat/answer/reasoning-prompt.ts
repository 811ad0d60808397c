// The reasoning in a prompt: where a template reads that of earlier answers, and how a prompt opens or closes it.
import type { RenderedPrompt } from "../../../../web/rendered-prompt.js";
import { type ChatMessage, contentText } from "../../../../web/text/messages.js";
import { promptState, type ReasoningFormat } from "./format.js";
import { type AnswerPlan, isSplit } from "./plan.js";

/** A prompt, and how the answer to it begins. */
export interface ChatPrompt {
  prompt: RenderedPrompt;
  /** Whether the answer begins within its reasoning. */
  isOpen: boolean;
  /** Whether the answer continues a text of the assistant. */
  continuesText: boolean;
}

/** The fields in which templates other than the common ones read the reasoning of earlier answers. */
const reasoningFields = ["thinking", "reasoning", "thought"];

/** Messages with their reasoning where the template reads it. */
export function withReasoningFields(messages: readonly ChatMessage[], template: string): readonly ChatMessage[] {
  if (/\breasoning_content\b/.test(template) || !messages.some((each) => each.reasoning_content)) return messages;
  const field = reasoningFields.find((name) => new RegExp(`message(?:\\.|\\[['"])${name}\\b`).test(template));
  if (field === undefined) return messages;
  return messages.map((message) =>
    message.reasoning_content && message[field] === undefined
      ? { ...message, [field]: message.reasoning_content }
      : message,
  );
}

/** Some templates read a word in a message instead of a variable. */
const offWord = /['"]\/no_think['"] in /;

/** Messages with the word that switches reasoning off, for templates that read it there. */
export function withSwitch(messages: readonly ChatMessage[], plan: AnswerPlan): readonly ChatMessage[] {
  const { template, settings, isSwitchable, reasons } = plan;
  if (settings.reasoning === undefined || reasons || isSwitchable || !offWord.test(template)) return messages;
  const [first, ...rest] = messages;
  if (first?.role !== "system") return [{ role: "system", content: "/no_think" }, ...messages];
  return [{ ...first, content: `${contentText(first)} /no_think` }, ...rest];
}

/** Opens or closes the reasoning at the end of a prompt, if the plan wants it otherwise than the template. */
export function withReasoning(prompt: RenderedPrompt, messages: readonly ChatMessage[], plan: AnswerPlan): ChatPrompt {
  const format = plan.format?.reasoning;
  const { reasoning, continueFinalMessage = false } = plan.settings;
  const final = continueFinalMessage ? contentText(messages.at(-1) as ChatMessage) : "";
  const continuesText = final.trim() !== "";
  if (!format) return { prompt, isOpen: false, continuesText };
  if (continuesText) return { prompt, isOpen: isOpenIn(final, format), continuesText };
  const state = promptState(prompt, format);
  const added = (text: string) => ({ text: prompt.text + text, literal: prompt.literal });
  if (reasoning !== undefined && !plan.reasons) {
    const { opening, closing } = format;
    if (state === "open") return { prompt: added(closing), isOpen: false, continuesText };
    const isOff = state === "closed" || plan.isSwitchable;
    return { prompt: isOff ? prompt : added(opening + closing), isOpen: false, continuesText };
  }
  if (state === undefined && isSplit(plan)) return { prompt: added(format.opening), isOpen: true, continuesText };
  return { prompt, isOpen: state === "open", continuesText };
}

/** Whether a text of the assistant ends within reasoning. */
function isOpenIn(text: string, { open, close }: ReasoningFormat): boolean {
  return text.trimStart().startsWith(open) && !text.includes(close);
}
