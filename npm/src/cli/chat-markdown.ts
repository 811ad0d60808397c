// Markdown that arrives in pieces → text with styles for a terminal. Words are printed as soon as nothing that follows
// can change their style: a word after a lone asterisk waits for the end of its line, a table for its last row.
import { Lexer, type Token, Tokenizer, type Tokens } from "marked";
import pico from "picocolors";

type Style = "bold" | "italic" | "strikethrough" | "underline" | "cyan" | "dim";

interface Segment {
  text: string;
  styles: readonly Style[];
}

/** A longer block continues without styles, since each piece of it would take longer than the one before. */
const maxBlockChars = 20_000;
/** A block of this length is parsed again only after a pause, which is this many times as long as the last parse. */
const longBlockChars = 1_000;
const pauseFactor = 4;
const maxLineChars = 4_000;

const blankLineAtEnd = /\n[ \t]*\n\s*$/;

const colors = pico.createColors(true);

/** A line of = or - below a text would make it a heading after it has been printed. */
class StreamTokenizer extends Tokenizer {
  override lheading(): undefined {
    return undefined;
  }
}
const options = { gfm: true, tokenizer: new StreamTokenizer() };

/** Prints one answer. Its text must be free of control characters. */
export class MarkdownText {
  /** The text after the finished blocks. */
  #source = "";
  /** Its rendering so far, as it was printed, without styles. */
  #shown = "";
  /** Its distance from the block before. */
  #gap = "";
  #isPlain = false;
  #pausedUntil = 0;

  /** Returns the text to print. */
  add(piece: string): string {
    if (this.#isPlain) return piece;
    this.#source += piece;
    const start = performance.now();
    if (start < this.#pausedUntil && this.#source.length > longBlockChars) return "";
    const text = this.#print(false);
    this.#pausedUntil = performance.now() + pauseFactor * (performance.now() - start);
    return text;
  }

  /** Returns the remaining text. */
  end(): string {
    return this.#isPlain ? "" : this.#print(true);
  }

  #print(isEnd: boolean): string {
    try {
      if (isEnd) return this.#rest(blockTokens(this.#source));
      const [finished, last] = this.#finishBlocks();
      if (this.#source.length > maxBlockChars) return finished + this.#continuePlainly();
      return finished + this.#rest(blockTokens(this.#source.slice(0, settledLength(this.#source, last))));
    } catch {
      // Deeply nested blocks exceed the stack. The block follows once more, if a part of it has been printed.
      this.#isPlain = true;
      return `${this.#shown === "" ? this.#gap : "\n"}${this.#source}`;
    }
  }

  /** Prints all blocks but the last one, which may grow. Returns the text, and the last block. */
  #finishBlocks(): [string, Token | undefined] {
    const tokens = blockTokens(this.#source);
    const last = tokens.findLastIndex(({ type }) => type !== "space");
    if (last <= 0) return ["", tokens.at(-1)];
    const finished = tokens.slice(0, last);
    const raw = finished.map((token) => token.raw).join("");
    const text = this.#rest(finished);
    this.#source = this.#source.slice(raw.length);
    if (this.#shown !== "") this.#gap = blankLineAtEnd.test(raw) ? "\n\n" : "\n";
    this.#shown = "";
    return [text, tokens.at(-1)];
  }

  /** Prints the block as if it ended here, and all that follows without styles. */
  #continuePlainly(): string {
    this.#isPlain = true;
    return this.#rest(blockTokens(this.#source)) + (/\s*$/.exec(this.#source)?.[0] ?? "");
  }

  /** The rendering after the characters that have been printed. */
  #rest(tokens: readonly Token[]): string {
    const segments: Segment[] = [];
    renderBlocks(tokens, segments, "");
    if (segments.length > 0 && this.#gap) segments.unshift({ text: this.#gap, styles: [] });
    const whole = segments.map(({ text }) => text).join("");
    if (this.#shown.startsWith(whole)) return "";
    // If a mark changed what has been printed, the block follows once more, so that nothing is lost.
    const isContinued = whole.startsWith(this.#shown);
    let skipped = isContinued ? this.#shown.length : this.#gap.length;
    this.#shown = whole;
    let printed = isContinued ? "" : "\n";
    for (const { text, styles } of segments) {
      const rest = text.slice(skipped);
      skipped -= text.length - rest.length;
      printed += rest && styles.reduce((styled, style) => colors[style](styled), rest);
    }
    return printed;
  }
}

/** The blocks of a text; the texts in them are not yet parsed. */
function blockTokens(text: string): Token[] {
  return new Lexer(options).blockTokens(text);
}

function inlineTokens(line: string): Token[] {
  if (line.length > maxLineChars) return [{ type: "text", raw: line, text: line }];
  return new Lexer(options).inlineTokens(line);
}

/** The beginning of a line that can still become the beginning of another block. */
const onlyMarks = /^[\s#>\-+*=|`~_<[\d.)]*$/;
const beginning = /^\s*(?:(?:[-+*]|\d+[.)])\s+(?:\[[ x]\]\s+)?|>\s?|#{1,6}\s+)*/i;
/** A mark that can still become the beginning of a style or link. */
const openMark = /\*(?=\S|$)|(?<!\w)_(?=\S|$)|~(?=\S|$)|`|!?\[(?![^[\]]*\][^([:])|!$|<(?=[a-z/!]|$)|\\$/i;

/** How many characters of the text, whose last block is `last`, keep their style, regardless of what follows. */
function settledLength(source: string, last: Token | undefined): number {
  const start = source.lastIndexOf("\n") + 1;
  const line = source.slice(start);
  if (last?.type === "code" && /^\s*[`~]/.test(last.raw)) return /^[\s>]*[`~]*\s*$/.test(line) ? start : source.length;
  if (last?.type === "code") return start;
  // A line with bars can be the first one of a table, which ends with a blank line.
  const paragraph = /(?:^|\n)[ \t]*\n(?![\s\S]*\n[ \t]*\n)/.exec(source);
  const from = paragraph ? paragraph.index + paragraph[0].length : 0;
  const bar = source.indexOf("|", from);
  if (bar >= 0) return source.lastIndexOf("\n", bar) + 1;
  if (onlyMarks.test(line)) return start;
  let position = start + (beginning.exec(line)?.[0].length ?? 0);
  const tokens = inlineTokens(source.slice(position));
  for (const token of tokens) {
    const open = token.type === "text" ? openMark.exec(token.raw) : token === tokens.at(-1) && { index: 0 };
    if (open) return position + open.index;
    position += token.raw.length;
  }
  return source.length;
}

/** `prefix` begins each line but the first. */
function renderBlocks(tokens: readonly Token[], segments: Segment[], prefix: string): void {
  let gap: string | undefined;
  for (const token of tokens) {
    if (token.type === "space") {
      if (gap !== undefined) gap = `\n${prefix.trimEnd()}\n${prefix}`;
      continue;
    }
    if (gap !== undefined) segments.push({ text: gap, styles: [] });
    renderBlock(token, segments, prefix);
    gap = blankLineAtEnd.test(token.raw) ? `\n${prefix.trimEnd()}\n${prefix}` : `\n${prefix}`;
  }
}

function renderBlock(token: Token, segments: Segment[], prefix: string): void {
  switch (token.type) {
    case "heading":
      renderLines((token as Tokens.Heading).text, segments, prefix, ["bold"]);
      break;
    case "paragraph":
    case "text":
      renderLines((token as Tokens.Paragraph).text, segments, prefix, []);
      break;
    case "code":
      renderCode(token as Tokens.Code, segments, prefix);
      break;
    case "blockquote":
      segments.push({ text: "│ ", styles: ["dim"] });
      renderBlocks((token as Tokens.Blockquote).tokens, segments, `${prefix}│ `);
      break;
    case "list":
      renderList(token as Tokens.List, segments, prefix);
      break;
    case "table":
      renderTable(token as Tokens.Table, segments, prefix);
      break;
    case "hr":
      segments.push({ text: "─".repeat(20), styles: ["dim"] });
      break;
    default: // HTML and definitions of links, as they are written
      segments.push({ text: token.raw.trimEnd().replaceAll("\n", `\n${prefix}`), styles: [] });
  }
}

/** Each line by itself: a mark that is not closed on its line is text. */
function renderLines(text: string, segments: Segment[], prefix: string, styles: readonly Style[]): void {
  text
    .trimEnd()
    .split("\n")
    .forEach((line, i) => {
      if (i > 0) segments.push({ text: `\n${prefix}`, styles: [] });
      renderInline(inlineTokens(i > 0 ? line.trimStart() : line), segments, styles);
    });
}

function renderCode({ raw, lang, text }: Tokens.Code, segments: Segment[], prefix: string): void {
  const fence = /^\s*(`{3,}|~{3,})/.exec(raw)?.[1];
  if (fence) segments.push({ text: `${fence}${lang ?? ""}`, styles: ["dim"] });
  const lines = text === "" ? [] : text.split("\n");
  lines.forEach((line, i) => {
    if (fence || i > 0) segments.push({ text: `\n${prefix}`, styles: [] });
    segments.push({ text: fence ? line : `    ${line}`, styles: ["cyan"] });
  });
  const isClosed = fence && raw.trimEnd().length > fence.length && new RegExp(`\\n\\s*${fence}[\`~]*\\s*$`).test(raw);
  if (isClosed) segments.push({ text: `\n${prefix}${fence}`, styles: ["dim"] });
}

function renderList({ items, ordered, start }: Tokens.List, segments: Segment[], prefix: string): void {
  items.forEach((item, i) => {
    if (i > 0) {
      const isLoose = blankLineAtEnd.test(items[i - 1]?.raw ?? "");
      segments.push({ text: isLoose ? `\n${prefix.trimEnd()}\n${prefix}` : `\n${prefix}`, styles: [] });
    }
    const mark = ordered ? `${Number(start) + i}. ` : "• ";
    segments.push({ text: mark, styles: ["dim"] });
    if (item.task) segments.push({ text: item.checked ? "[x] " : "[ ] ", styles: [] });
    const tokens = item.tokens.filter(({ type }) => type !== "checkbox");
    renderBlocks(tokens, segments, `${prefix}${" ".repeat(mark.length)}`);
  });
}

function renderTable({ header, rows }: Tokens.Table, segments: Segment[], prefix: string): void {
  const all = [header, ...rows].map((row) => row.map((cell) => segmentsOf(cell.text)));
  const widthOf = (cell: readonly Segment[]) => [...cell.map(({ text }) => text).join("")].length;
  const widths = header.map((_, column) => Math.max(...all.map((row) => widthOf(row[column] ?? []))));
  all.forEach((row, i) => {
    if (i > 0) segments.push({ text: `\n${prefix}`, styles: [] });
    row.forEach((cell, column) => {
      if (column > 0) segments.push({ text: " │ ", styles: ["dim"] });
      segments.push(
        ...cell.map(({ text, styles }) => ({ text, styles: i === 0 ? ["bold" as const, ...styles] : styles })),
      );
      segments.push({ text: " ".repeat((widths[column] ?? 0) - widthOf(cell)), styles: [] });
    });
    if (i > 0) return;
    const rule = widths.map((width) => "─".repeat(width)).join("─┼─");
    segments.push({ text: `\n${prefix}${rule}`, styles: ["dim"] });
  });
}

function segmentsOf(line: string): Segment[] {
  const segments: Segment[] = [];
  renderInline(inlineTokens(line), segments, []);
  return segments;
}

function renderInline(tokens: readonly Token[], segments: Segment[], styles: readonly Style[]): void {
  for (const token of tokens) {
    switch (token.type) {
      case "strong":
        renderInline((token as Tokens.Strong).tokens, segments, [...styles, "bold"]);
        break;
      case "em":
        renderInline((token as Tokens.Em).tokens, segments, [...styles, "italic"]);
        break;
      case "del":
        renderInline((token as Tokens.Del).tokens, segments, [...styles, "strikethrough"]);
        break;
      case "codespan":
        segments.push({ text: (token as Tokens.Codespan).text, styles: [...styles, "cyan"] });
        break;
      case "link":
      case "image": {
        const { href, text } = token as Tokens.Link;
        segments.push({ text, styles: [...styles, "underline"] });
        const isShown = text !== "" && (text === href || !token.raw.includes("]("));
        if (!isShown) segments.push({ text: ` (${href})`, styles: [...styles, "dim"] });
        break;
      }
      case "escape":
        segments.push({ text: (token as Tokens.Escape).text, styles });
        break;
      default:
        segments.push({ text: token.raw, styles });
    }
  }
}
