// Reads the messages of a chat from a terminal: line editing, history, completion, and messages of several lines.
import { createInterface, type Interface } from "node:readline";

import type { ChatHistory } from "./chat-history.js";
import { maxHistoryLines } from "./chat-history.js";
import { Keys, markPastes, toLines, toOneLine } from "./chat-keys.js";
import { editorOutput, printControl } from "./output.js";

const prompts = { first: "> ", more: "… " };

/** The lines of a message so far. A backslash at the end of a line, or an open block, asks for more. */
export class Message {
  readonly #lines: string[] = [];

  /** Returns whether the message needs more lines. */
  add(line: string): boolean {
    const text = [...this.#lines, line].join("\n");
    const isOpen = /^\s*"""/.test(text)
      ? !/^\s*"""[\s\S]*"""\s*$/.test(text)
      : (text.match(/^\s*```/gm) ?? []).length % 2 === 1;
    const continues = !isOpen && line.endsWith("\\");
    this.#lines.push(continues ? line.slice(0, -1) : line);
    return isOpen || continues;
  }

  get isEmpty(): boolean {
    return this.#lines.length === 0;
  }

  /** A block in `"""` is without its marks. One in three backticks keeps them, since they are Markdown. */
  get text(): string {
    const text = this.#lines.join("\n");
    const quoted = /^\s*"""\n?([\s\S]*?)\n?"""\s*$/.exec(text);
    return quoted ? (quoted[1] ?? "") : text;
  }
}

export class ChatInput {
  readonly #history: ChatHistory;
  readonly #editor: Interface;
  readonly #keys: Keys;
  /** The history of the editor, newest first, and how many lines the message has added to it. */
  #lines: string[];
  #addedLines = 0;
  #message = new Message();
  #resolve: ((text: string | undefined) => void) | undefined;
  #isClosed = false;

  private constructor(history: ChatHistory, lines: string[], completions: (line: string) => string[]) {
    this.#history = history;
    this.#lines = lines;
    this.#keys = new Keys(process.stdin);
    this.#editor = createInterface({
      input: this.#keys,
      output: editorOutput(),
      terminal: true,
      history: [...lines],
      historySize: maxHistoryLines,
      removeHistoryDuplicates: true,
      completer: (line: string) => [completions(line), line] as [string[], string],
    });
    this.#editor.on("history", (all: string[]) => {
      this.#lines = all;
      this.#addedLines++;
    });
    this.#editor.on("line", (line) => this.#addLine(line));
    this.#editor.on("SIGINT", () => this.#interrupt());
    this.#editor.on("close", () => this.#end());
    printControl(markPastes.on);
  }

  static async open(history: ChatHistory, completions: (line: string) => string[]): Promise<ChatInput> {
    return new ChatInput(history, await history.read(), completions);
  }

  /** Returns the next message; undefined at the end of the input. */
  async read(): Promise<string | undefined> {
    if (this.#isClosed) return undefined;
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#begin();
    });
  }

  /** Until the next `read`, Ctrl-C calls `onInterrupt`, and other keys wait. */
  hold(onInterrupt: () => void): void {
    this.#keys.hold(onInterrupt);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#editor.close();
  }

  #begin(): void {
    this.#message = new Message();
    this.#addedLines = 0;
    this.#prompt(prompts.first);
  }

  #prompt(prompt: string): void {
    this.#editor.setPrompt(prompt);
    this.#editor.prompt();
    this.#keys.release();
  }

  #addLine(line: string): void {
    if (!this.#resolve) return;
    if (this.#message.add(toLines(line))) {
      this.#prompt(prompts.more);
      return;
    }
    const { text } = this.#message;
    const entry = toOneLine(text);
    // The editor has added each line; in the history a message is one line.
    if (this.#addedLines > 0) this.#lines.splice(0, this.#addedLines, entry);
    void this.#history.add(entry.trim()).then(() => this.#answer(text));
  }

  /** Ctrl-C clears the line and the message; with nothing to clear it ends the chat. */
  #interrupt(): void {
    if (this.#editor.line === "" && this.#message.isEmpty) {
      this.#editor.close();
      return;
    }
    this.#editor.write(null, { ctrl: true, name: "e" });
    this.#editor.write(null, { ctrl: true, name: "u" });
    printControl("\n");
    this.#begin();
  }

  #answer(text: string | undefined): void {
    const resolve = this.#resolve;
    this.#resolve = undefined;
    resolve?.(text);
  }

  #end(): void {
    this.#isClosed = true;
    printControl(`${markPastes.off}\n`);
    this.#keys.close();
    this.#answer(undefined);
  }
}
