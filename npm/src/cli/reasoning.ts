// The flags for the template of a chat, and how the reasoning in an answer is printed.
import pico from "picocolors";

import type { ChatOptions, Reasoning, TextStream } from "../entry/node.js";
import { type Flag, type Flags, UsageError } from "./command.js";
import { AnswerText, hasStyles, isTerminal, printStyled } from "./output.js";

export const templateFlags: Record<string, Flag> = {
  reasoning: {
    takes: "text",
    value: "HOW",
    help: "How much a model reasons before it answers: none, low, medium, high or a number of tokens.",
  },
  "template-option": {
    takes: "text",
    value: "NAME=VALUE",
    many: true,
    option: "templateOptions",
    help: "A variable of the chat template: JSON, or else a text.",
  },
};

/** Errors: UsageError. */
export function templateOptions(flags: Flags): Pick<ChatOptions, "reasoning" | "templateOptions"> {
  const [reasoning, variables] = [flags.text("reasoning"), flags.texts("template-option")];
  return {
    ...(reasoning !== undefined && { reasoning: reasoningOf(reasoning) }),
    ...(variables.length > 0 && { templateOptions: Object.fromEntries(variables.map(variableOf)) }),
  };
}

/** Errors: UsageError for a flag that only answers of a chat have. */
export function refuseTemplateFlags(flags: Flags): void {
  const given = Object.keys(templateOptions(flags))[0];
  if (given !== undefined)
    throw new UsageError(`--${given === "reasoning" ? given : "template-option"} goes with --chat.`);
}

function reasoningOf(text: string): Reasoning {
  if (text === "none" || text === "low" || text === "medium" || text === "high") return text;
  if (/^\d{1,9}$/.test(text)) return { budget: Number(text) };
  throw new UsageError(`--reasoning wants none, low, medium, high or a number of tokens, not ${JSON.stringify(text)}.`);
}

function variableOf(text: string): [string, unknown] {
  const [, name, value] = /^(\w+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new UsageError(`--template-option wants NAME=VALUE, not ${JSON.stringify(text)}.`);
  }
  try {
    return [name, JSON.parse(value)];
  } catch {
    return [name, value];
  }
}

const { dim } = pico.createColors(true);

/**
 * Returns the pieces of the text of an answer. Its reasoning is printed on a terminal that has styles, dimmed, and left
 * out elsewhere.
 */
export async function* textAfterReasoning(stream: Pick<TextStream, "parts">): AsyncGenerator<string> {
  const isShown = hasStyles();
  const escaped = new AnswerText(isTerminal());
  let isReasoning = false;
  for await (const part of stream.parts()) {
    if (part.type === "reasoning" && isShown) {
      isReasoning = true;
      const shown = escaped.add(part.text);
      if (shown !== "") printStyled(dim(shown));
    } else if (part.type === "text") {
      if (isReasoning) printStyled(`${dim(escaped.end())}\n\n`);
      isReasoning = false;
      yield part.text;
    }
  }
}
