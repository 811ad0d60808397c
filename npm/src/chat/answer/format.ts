// A chat template → how the model marks the reasoning in its answers.
import type { RenderedPrompt } from "../../../../web/rendered-prompt.js";

/** The markers of reasoning. They can be control tokens, which `keepControl` shows in the text of the engine. */
export interface ReasoningFormat {
  /** Begins the reasoning. */
  open: string;
  /** Ends the reasoning. */
  close: string;
  /** Markers around the text, which are not part of it. */
  hidden: readonly string[];
  /** Whether reasoning can follow text. Otherwise only the beginning of an answer opens it. */
  isAnywhere: boolean;
  /** Added to a prompt so that the model reasons. */
  opening: string;
  /** Added to a prompt in which reasoning is open, so that the model answers. */
  closing: string;
}

/** How to read the answers of a model. */
export interface AnswerFormat {
  reasoning?: ReasoningFormat;
}

interface Family extends Partial<ReasoningFormat> {
  /** Found in the templates of the family. */
  mark: RegExp;
  open: string;
  close: string;
}

/** The families whose reasoning is not between `<think>` and `</think>` or a variant of it. The first one counts. */
const families: readonly Family[] = [
  {
    // gpt-oss: an answer is a sequence of messages, each with a channel.
    mark: /<\|channel\|>analysis/,
    open: "<|channel|>analysis<|message|>",
    close: "<|end|>",
    closing: "<|end|><|start|>assistant<|channel|>final<|message|>",
    hidden: ["<|start|>assistant", "<|channel|>final<|message|>", "<|channel|>commentary<|message|>", "<|end|>"],
    isAnywhere: true,
  },
  { mark: /<\|channel>thought/, open: "<|channel>thought\n", close: "<channel|>", isAnywhere: true }, // Gemma 4
  {
    mark: /open_tag\('think'/, // Kimi K3
    open: "<|open|>think<|sep|>",
    close: "<|close|>think<|sep|>",
    closing: "<|close|>think<|sep|><|open|>response<|sep|>",
    hidden: ["<|open|>response<|sep|>", "<|close|>response<|sep|>", "<|close|>message<|sep|>"],
  },
  {
    mark: /<\|begin\|>assistant<\|think\|>/, // Solar
    open: "<|think|>",
    close: "<|end|>",
    closing: "<|end|><|begin|>assistant<|content|>",
    hidden: ["<|begin|>assistant", "<|content|>"],
  },
  {
    mark: /assistant to=self<\|message\|>/, // a message of the assistant to itself
    open: " to=self<|message|>",
    close: "<|eom|>",
    closing: "<|eom|><|start|>assistant<|message|>",
    hidden: ["<|start|>assistant", "<|message|>"],
  },
  {
    mark: /<\|START_THINKING\|>/, // Command R
    open: "<|START_THINKING|>",
    close: "<|END_THINKING|>",
    hidden: ["<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>"],
  },
  { mark: /<\|inner_prefix\|>/, open: "<|inner_prefix|>", close: "<|inner_suffix|>" }, // Apertus
  { mark: /\[THINK\]/, open: "[THINK]", close: "[/THINK]", isAnywhere: true }, // Magistral
  {
    mark: /\[BEGIN FINAL RESPONSE\]/, // Apriel 1.6, whose prompts always open it
    open: "Here are my reasoning steps:\n",
    close: "[BEGIN FINAL RESPONSE]",
    hidden: ["[END FINAL RESPONSE]"],
  },
];

/** `</think>`, `</seed:think>`, `</thinking>`. */
const tag = /<\/((?:\w+:)?think(?:ing)?)>/;
/** `</think:suffix>`, whose suffix the template sets. */
const suffixedTag = /<\/think\{\}>/;
const suffix = /set HYTK = '([^']*)'/;

/** Returns undefined for models that do not reason, whose answers need no reader. */
export function answerFormat(template: string): AnswerFormat | undefined {
  const reasoning = reasoningFormat(template);
  return reasoning && { reasoning };
}

function reasoningFormat(template: string): ReasoningFormat | undefined {
  const family = families.find(({ mark }) => mark.test(template));
  if (family) {
    const { open, close, hidden = [], isAnywhere = false } = family;
    const { opening = open, closing = `\n${close}\n` } = family;
    return { open, close, hidden, isAnywhere, opening, closing };
  }
  const name = suffixedTag.test(template) ? `think${suffix.exec(template)?.[1] ?? ""}` : tag.exec(template)?.[1];
  if (name === undefined) return undefined;
  const [open, close] = [`<${name}>`, `</${name}>`];
  // Granite writes its answer between tags too.
  const hidden = template.includes("<response></response>") ? ["<response>", "</response>"] : [];
  return { open, close, hidden, isAnywhere: false, opening: `${open}\n`, closing: `\n${close}\n\n` };
}

/**
 * Returns the state of reasoning at the end of a prompt: `open` if the answer begins within it, `closed` if the prompt
 * ends with an empty block or the end of one, undefined if the model decides. Markers in messages do not count.
 */
export function promptState(
  { text, literal }: RenderedPrompt,
  { open, close }: ReasoningFormat,
): "open" | "closed" | undefined {
  const own = text.slice(literal.at(-1)?.[1] ?? 0).trimEnd();
  if (own.endsWith(open.trimEnd())) return "open";
  return own.endsWith(close) ? "closed" : undefined;
}
