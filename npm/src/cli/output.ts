// Everything that the CLI prints. On a terminal a text of a model, a file or a server prints as text: characters that
// would move the cursor, reorder the line or be invisible are escaped.

/**
 * Controls, format characters (directions, joiners, tags and others that are invisible), separators of lines and
 * paragraphs, and halves of surrogate pairs. Variation selectors 15 and 16, which choose the form of an emoji, are
 * text.
 */
const unsafe = /(?![\ufe0e\ufe0f])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

/** A character of a script that is written with joiners inside words. */
const joined = `(?!\\p{Cf})[${"Arab Syrc Nkoo Mong Deva Beng Guru Gujr Orya Taml Telu Knda Mlym Sinh Khmr Mymr Tibt"
  .split(" ")
  .map((script) => `\\p{Script=${script}}`)
  .join("")}]`;
const emoji = "[\\p{Extended_Pictographic}\\p{Emoji_Modifier}\\ufe0f]";
/** A joiner that is text. */
const joiner = new RegExp(
  `(?<=${joined})[\\u200c\\u200d](?=${joined})|(?<=${emoji})\\u200d(?=\\p{Extended_Pictographic})`,
  "gu",
);
const beforeJoiner = new RegExp(`(?:${joined}|${emoji})$`, "u");

const shortEscapes: Record<string, string> = { "\n": "\\n", "\t": "\\t", "\r": "\\r" };

function escapeChar(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code < 0x100) return shortEscapes[char] ?? `\\x${hex.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\u{${hex}}`;
}

/** Escapes a text that must stay on one line: a name, a message, a value of metadata. */
export function escapeLine(text: string): string {
  return text.replace(unsafe, escapeChar);
}

/** Escapes a text of several lines, which keeps its line breaks, its tabs, and joiners that scripts and emoji need. */
export function escapeText(text: string): string {
  const joiners = new Set([...text.matchAll(joiner)].map(({ index }) => index));
  return text.replace(unsafe, (char, index: number) => {
    if (char === "\n" || char === "\t" || joiners.has(index)) return char;
    return char === "\r" && text[index + 1] === "\n" ? "" : escapeChar(char);
  });
}

/** JSON that is safe on a terminal. The value is the same: only characters inside strings are escaped. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replace(unsafe, (char) =>
    char
      .split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}

/** An answer that is printed in pieces, which may end inside a character. */
export class AnswerText {
  readonly #escapes: boolean;
  /** The end of the last piece, if the next one decides what it is. */
  #held = "";
  /** The character before, if a joiner can follow it. */
  #before = "";

  /** `escapes`: whether the text is for a terminal. Otherwise it is unchanged. */
  constructor(escapes: boolean) {
    this.#escapes = escapes;
  }

  /** Returns the text to print. */
  add(piece: string): string {
    const text = this.#held + piece;
    const undecided = this.#escapes ? /(?:\r|(?:\u200c|\u200d)?[\ud800-\udbff]?)$/ : /[\ud800-\udbff]?$/;
    const end = text.search(undecided);
    this.#held = text.slice(end);
    return this.#escaped(text.slice(0, end));
  }

  /** Returns the remaining text. */
  end(): string {
    const text = this.#held;
    this.#held = "";
    return this.#escaped(text);
  }

  #escaped(text: string): string {
    if (!this.#escapes || text === "") return text;
    const escaped = escapeText(this.#before + text).slice(this.#before.length);
    this.#before = beforeJoiner.exec(text)?.[0] ?? "";
    return escaped;
  }
}

/** Prints a line of a table on stdout. */
export function printLine(line: string): void {
  process.stdout.write(`${escapeLine(line)}\n`);
}

/** Prints a text of the CLI itself on stdout. */
export function printText(text: string): void {
  process.stdout.write(escapeText(text));
}

export function printJson(value: unknown): void {
  process.stdout.write(`${safeJson(value)}\n`);
}

/** Prints data on stdout, byte for byte, and waits while their reader is slower. */
export async function writeChunk(text: string): Promise<void> {
  if (!process.stdout.write(text)) await new Promise((resolve) => process.stdout.once("drain", resolve));
}

/** Prints an answer of the model and a line break: escaped on a terminal, and otherwise byte for byte. */
export async function printAnswer(pieces: AsyncIterable<string> | Iterable<string>): Promise<void> {
  const answer = new AnswerText(isTerminal());
  for await (const piece of pieces) process.stdout.write(answer.add(piece));
  process.stdout.write(`${answer.end()}\n`);
}

/** Whether stdout is a terminal. */
export const isTerminal = (): boolean => process.stdout.isTTY;

/** Whether stdin is a terminal. */
export const hasKeyboard = (): boolean => process.stdin.isTTY;

/** Whether answers can have colours and styles: on a terminal that has them, without NO_COLOR (no-color.org). */
export function hasStyles(): boolean {
  return process.stdout.isTTY && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb";
}

/** Prints a part of an answer on stdout. Its only control sequences are those of this program. */
export function printStyled(text: string): void {
  process.stdout.write(text);
}

/** Where a line editor shows what is typed. */
export function editorOutput(): NodeJS.WriteStream {
  return process.stdout.isTTY ? process.stdout : process.stderr;
}

/** Prints control sequences of this program for the line editor. */
export function printControl(sequence: string): void {
  editorOutput().write(sequence);
}

/** Prints an error or a note on stderr. */
export function printNote(line: string): void {
  process.stderr.write(`${escapeLine(line)}\n`);
}

/** Whether progress can be shown: a line on stderr that changes. */
export const showsProgress = (): boolean => process.stderr.isTTY;

/** Returns a function that shows how many of several texts are done. */
export function textsProgress(): ((progress: { done: number; total: number }) => void) | undefined {
  if (!showsProgress()) return undefined;
  return ({ done, total }) => {
    if (total > 1) showProgressLine(done < total ? `${done} of ${total} texts` : "");
  };
}

/** Prompts that take less than this many tokens are evaluated too soon to be watched. */
const minWatchedTokens = 128;

/** Returns a function that shows the progress of a long prompt. The line is removed before the answer. */
export function prefillProgress(): ((progress: { done: number; total: number }) => void) | undefined {
  if (!showsProgress()) return undefined;
  let isShown = false;
  return ({ done, total }) => {
    isShown ||= total - done >= minWatchedTokens;
    if (isShown) showProgressLine(done < total ? `reading the prompt: ${done} of ${total} tokens` : "");
  };
}

/** Columns of the last line of progress, at most: a character outside of ASCII can take two. */
let progressColumns = 0;

/** Replaces the line of progress; without a text it is removed. */
export function showProgressLine(text = ""): void {
  const line = escapeLine(text);
  // Spaces instead of a control sequence, which not every terminal understands.
  process.stderr.write(`\r${line.padEnd(progressColumns)}${line === "" ? "\r" : " "}`);
  progressColumns = line === "" ? 0 : line.length + 1 + line.replace(/[ -~]/g, "").length;
}
