// The commands of `camelgpt chat`: lines that begin with a slash.
import { writeFile } from "node:fs/promises";

import { pruneModeNames } from "../../../web/engine/records.js";
import type { GenerationResult } from "../entry/node.js";
import type { Conversation } from "./chat-conversation.js";
import { nameNearest, UsageError } from "./command.js";
import { readBytes } from "./input.js";
import { printLine } from "./output.js";
import { pruningLine } from "./pruning.js";

/** The conversation that a command works on. */
export interface ChatContext {
  conversation: Conversation;
  /** The last answer; undefined before the first. */
  last: GenerationResult | undefined;
  /** Aborts the command. */
  signal: AbortSignal;
  /** Answers the last message once more. */
  retry(): Promise<void>;
}

interface ChatCommand {
  /** The name of its argument, if it has one. */
  value?: string;
  help: string;
  values?: readonly string[];
  run(context: ChatContext, argument: string): Promise<void> | void;
}

const epdpModes = pruneModeNames.filter((name) => name !== "custom");

const commands: Record<string, ChatCommand> = {
  help: { help: "Show this list.", run: () => printHelp() },
  system: {
    value: "[TEXT]",
    help: "Set the system text, which tells the model what it is to be, or show it. /system none removes it.",
    run({ conversation }, text) {
      if (text !== "") conversation.setSystem(text === "none" ? undefined : text);
      printLine(conversation.system === undefined ? "There is no system text." : `System text: ${conversation.system}`);
    },
  },
  retry: { help: "Answer the last message again.", run: ({ retry }) => retry() },
  save: {
    value: "FILE",
    help: "Save the conversation.",
    async run({ conversation, signal }, path) {
      const saved = await conversation.chat.save({ signal });
      await writeFile(required("save", path), saved, { mode: 0o600 });
      printLine(`Saved ${counted(conversation)}: ${path}, ${(saved.length / 1e6).toFixed(1)} MB`);
    },
  },
  load: {
    value: "FILE",
    help: "Continue a saved conversation.",
    async run({ conversation, signal }, path) {
      await conversation.restore(await readBytes(required("load", path), "a file of /save"), signal);
      printLine(`Loaded ${counted(conversation)}.`);
    },
  },
  stats: { help: "Show tokens, speed, and what dynamic pruning left out.", run: printStats },
  model: {
    value: "[M]",
    help: "Change the model and keep the conversation, or show its name.",
    async run({ conversation, signal }, source) {
      if (source !== "") await conversation.reload(source, { sidecar: undefined, sha256: undefined }, signal);
      const { name, architecture, parameters } = await conversation.model.info();
      const details = [name, architecture, `${(parameters / 1e6).toFixed(1)} M parameters`].filter(Boolean);
      printLine(`${conversation.name}: ${details.join(", ")}`);
    },
  },
  epdp: {
    value: "[MODE]",
    help: `Change dynamic pruning (${epdpModes.join(", ")}) and keep the conversation, or show the mode.`,
    values: epdpModes,
    async run({ conversation, signal }, mode) {
      if (mode !== "") await conversation.reload(undefined, { epdp: mode }, signal);
      printLine(`Dynamic pruning: ${(await conversation.model.report()).mode}`);
    },
  },
  clear: {
    help: "Forget the conversation, but not the system text.",
    run({ conversation }) {
      conversation.clear();
      printLine("The conversation is empty.");
    },
  },
  exit: { help: "End the chat; so does Ctrl-D.", run() {} },
};

export const isExit = (line: string): boolean => /^\/(?:exit|quit|bye)\s*$/.test(line);

/** Whether a message is a command. A path such as /usr/bin is not. */
export const isCommand = (line: string): boolean => /^\/(?:[a-z]+(?:\s|$)|$)/.test(line);

/** Errors: UsageError for an unknown command, and those of the command. */
export async function runCommand(line: string, context: ChatContext): Promise<void> {
  const [, name = "", argument = ""] = /^\/([a-z]*)\s*([\s\S]*)$/.exec(line) ?? [];
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new UsageError(`There is no command /${name}.`, nameNearest(name, Object.keys(commands), "/"));
  await command.run(context, argument.trim());
}

/** The completions of a line: of the name of a command, or of its value. */
export function completionsOf(line: string): string[] {
  const [, name = "", value] = /^\/([a-z]*)(?:\s+(\S*))?$/.exec(line) ?? [];
  if (!line.startsWith("/")) return [];
  if (value === undefined) {
    return Object.keys(commands)
      .filter((each) => each.startsWith(name))
      .map((each) => `/${each}`);
  }
  const values = Object.hasOwn(commands, name) ? commands[name]?.values : undefined;
  return (values ?? []).filter((each) => each.startsWith(value)).map((each) => `/${name} ${each}`);
}

function printHelp(): void {
  for (const [name, { value, help }] of Object.entries(commands))
    printLine(`  ${`/${name}${value ? ` ${value}` : ""}`.padEnd(16)} ${help}`);
  printLine("");
  printLine('A message of several lines: a backslash at the end of each, a block in """ or ```, or pasted text.');
  printLine("Ctrl-C stops an answer; at an empty prompt it ends the chat.");
}

function required(name: string, argument: string): string {
  if (argument === "") throw new UsageError(`/${name} wants the name of a file.`, `For example: /${name} talk.chat`);
  return argument;
}

function counted({ chat }: Conversation): string {
  const count = chat.messages.length;
  return `${count} message${count === 1 ? "" : "s"}`;
}

async function printStats({ conversation: { chat, model }, last }: ChatContext): Promise<void> {
  const { turns, generatedTokens, prefilledTokens, reusedTokens, droppedMessages } = chat.stats;
  const prompts = `prompts: ${prefilledTokens} tokens evaluated, ${reusedTokens} from the cache`;
  const dropped = droppedMessages > 0 ? `; ${droppedMessages} messages dropped` : "";
  printLine(`chat      ${turns} answers, ${generatedTokens} tokens; ${prompts}${dropped}`);
  printLine(`context   ${chat.contextUsed} of ${chat.contextWindow} tokens`);
  if (last) {
    const { usage, timings } = last;
    const prefill = `prompt at ${timings.prefillTokensPerSecond.toFixed(0)} tok/s`;
    printLine(
      `last      ${usage.completionTokens} tokens at ${timings.decodeTokensPerSecond.toFixed(1)} tok/s, ${prefill}`,
    );
  }
  const { engine } = await model.info();
  printLine(`engine    ${engine.kernels}, ${engine.threads} thread${engine.threads === 1 ? "" : "s"}`);
  printLine(`pruning   ${pruningLine(await model.report()) ?? "off"}`);
}
