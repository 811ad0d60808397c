// camelgpt chat: a conversation on a terminal, or the answer to one question from a pipe.
import { CamelGPTError } from "../../../web/errors.js";
import { packagedRelease } from "../../../web/load/releases/known-releases.js";
import type { ChatResult, DroppedTurns, TextStream } from "../entry/node.js";
import { completionsOf, isCommand, isExit, runCommand } from "./chat-commands.js";
import { Conversation } from "./chat-conversation.js";
import { ChatHistory, historyPath } from "./chat-history.js";
import { ChatInput } from "./chat-input.js";
import { type Command, type Flags, UsageError } from "./command.js";
import { errorLine, errorOf } from "./error-words.js";
import { isSampled, objectOf, printSummary } from "./generate.js";
import { defaultModel } from "./get-model.js";
import { formatOf } from "./format-flags.js";
import { generationOptions } from "./generation-flags.js";
import { readBytes, readText } from "./input.js";
import { modelOptions } from "./model.js";
import {
  AnswerText,
  hasKeyboard,
  hasStyles,
  isTerminal,
  printAnswer,
  printJson,
  printNote,
  printStyled,
  prefillProgress,
} from "./output.js";
import { templateFlags, textAfterReasoning } from "./reasoning.js";

export const chat: Command = {
  summary: "talk with a model; with a question on standard input, answer it and end",
  usage: "[[--model] M] [--system TEXT] [--load F] [options]",
  flags: {
    system: { takes: "text", value: "TEXT", help: "What the model is to be." },
    ...templateFlags,
    load: { takes: "text", value: "F", help: "Continue a conversation of /save." },
    "no-history": {
      takes: "nothing",
      help: "Neither read nor keep what is typed (default: a file in the cache folder).",
    },
    plain: { takes: "nothing", help: "Print answers without colours and Markdown, as with NO_COLOR." },
  },
  groups: [generationOptions, modelOptions],

  async run(flags, signal) {
    const [positional, ...more] = flags.positionals;
    const named = flags.text("model");
    if (more.length > 0 || (named !== undefined && positional !== undefined)) {
      throw new UsageError("chat takes one argument, the model.", 'To ask one question: camelgpt generate --chat "…"');
    }
    if (flags.text("system") !== undefined && flags.text("load") !== undefined) {
      throw new UsageError("--system does not go with --load.", "A saved conversation has its own system text.");
    }
    const isInteractive = hasKeyboard();
    if (isInteractive && flags.json) {
      throw new UsageError("--json is for a question on standard input.", "echo question | camelgpt chat --json");
    }
    const question = isInteractive ? "" : (await readText("-")).replace(/\r?\n$/, "");
    if (!isInteractive && question.trim() === "") {
      throw new UsageError(
        "The question on standard input is empty.",
        "For a conversation, run camelgpt chat on a terminal.",
      );
    }
    const format = await formatOf(flags);
    const conversation = await Conversation.open(flags, format, chatModel(named ?? positional), signal, noteDropped);
    try {
      const saved = flags.text("load");
      if (saved !== undefined) await conversation.restore(await readBytes(saved, "a file of /save"), signal);
      if (isInteractive) await converse(conversation, flags, signal);
      else await answerOnce(conversation, question, flags, signal);
    } finally {
      await conversation.dispose();
    }
  },
};

/** Errors: `unsupported-task` for the model in the package, which cannot chat. */
function chatModel(named: string | undefined): string {
  const source = named ?? defaultModel();
  if (source !== packagedRelease) return source;
  throw new CamelGPTError("unsupported-task", `${packagedRelease}, the model in the package, cannot chat.`, {
    hint: "Run camelgpt pull smollm2-135m, then camelgpt chat smollm2-135m (or set CAMELGPT_MODEL=smollm2-135m).",
  });
}

async function answerOnce(
  { chat, model }: Conversation,
  question: string,
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  const stream = chat.send(question, { signal, onProgress: prefillProgress() });
  if (flags.json) {
    const result = await stream;
    const { text, reasoning, tokens, finishReason, usage, timings, engine, seed, turn } = result;
    printJson({
      text,
      ...(reasoning !== undefined && { reasoning }),
      ...objectOf(result),
      tokens,
      finishReason,
      usage,
      timings,
      engine,
      seed,
      turn,
    });
    return;
  }
  await printAnswer(textAfterReasoning(stream));
  const result = await stream;
  await printSummary(model, result, await isSampled(model, flags, true));
  if (result.objectError) throw result.objectError;
}

function noteDropped({ messages }: DroppedTurns): void {
  printNote(`[the context is full: the oldest ${messages.length} messages were dropped]`);
}

async function converse(conversation: Conversation, flags: Flags, signal: AbortSignal): Promise<void> {
  const history = new ChatHistory(flags.has("no-history") ? undefined : historyPath(flags.text("cache-folder")));
  const input = await ChatInput.open(history, completionsOf);
  let abort = new AbortController();
  signal.addEventListener("abort", () => {
    abort.abort();
    input.close();
  });
  let last: ChatResult | undefined;
  // An answer in JSON or of a grammar is not Markdown.
  const isPlain = flags.has("plain") || conversation.format !== undefined;
  const show = async (stream: TextStream<ChatResult>) => {
    last = (await showAnswer(stream, isPlain)) ?? last;
  };
  printNote(`${conversation.name} is ready. /help lists commands; Ctrl-D ends the chat.`);
  try {
    for (;;) {
      const text = await input.read();
      if (text === undefined || isExit(text)) return;
      if (text.trim() === "") continue;
      abort = new AbortController();
      const { signal } = abort;
      // The second Ctrl-C ends the chat.
      input.hold(() => (signal.aborted ? input.close() : abort.abort()));
      try {
        const retry = () => show(conversation.chat.regenerate({ signal, onProgress: prefillProgress() }));
        if (isCommand(text)) await runCommand(text, { conversation, last, signal, retry });
        else await show(conversation.chat.send(text, { signal, onProgress: prefillProgress() }));
      } catch (error) {
        const known = errorOf(error, chat);
        printNote(known.code === "aborted" ? "[stopped]" : errorLine(known));
      }
    }
  } finally {
    input.close();
  }
}

/** Prints an answer while it arrives. Errors: `aborted` if it was stopped before its first token. */
async function showAnswer(stream: TextStream<ChatResult>, isPlain: boolean): Promise<ChatResult> {
  const escaped = new AnswerText(isTerminal());
  const styled = !isPlain && hasStyles() ? new (await import("./chat-markdown.js")).MarkdownText() : undefined;
  const print = (text: string) => printStyled(styled ? styled.add(text) : text);
  for await (const piece of textAfterReasoning(stream)) print(escaped.add(piece));
  const result = await stream;
  print(escaped.end());
  printStyled(`${styled?.end() ?? ""}\n`);
  const { finishReason, usage } = result;
  if (finishReason === "abort") printNote("[stopped]");
  if (finishReason === "length")
    printNote(`[ended after ${usage.completionTokens} tokens: --max-tokens and --context are the limits]`);
  if (result.objectError) printNote(`[${errorLine(errorOf(result.objectError, chat))}]`);
  return result;
}
