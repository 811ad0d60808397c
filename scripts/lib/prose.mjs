// Splits a source file or a Markdown page into prose: comments, strings and paragraphs, which map each character
// to its line.

const markdown = /\.(?:md|html)$/;
const hashComments = /(?:\.(?:py|ya?ml|npmrc|gitignore|gitattributes|editorconfig)|CMakeLists\.txt|requirements\.txt)$/;

/** A character after which a slash begins a regular expression instead of a division. */
const beforeRegex = /(?:^|[=(,:;[!&|?{}+\n]|\breturn|\btypeof|=>)\s*$/;

const doubleQuoted = /"(?:\\[\s\S]|[^"\\\n])*"/;
const singleQuoted = /(?<![\w'])'(?:\\[\s\S]|[^'\\\n])*'/; // not the separator of 1'000
const template = /`(?:\\[\s\S]|[^`\\])*`/;
const tokens = {
  c: anyOf(/\/\/[^\n]*|\/\*[\s\S]*?\*\//, /R"\w*\([\s\S]*?\)\w*"/, doubleQuoted, singleQuoted, template, /\//),
  hash: anyOf(/#[^\n]*/, /"""[\s\S]*?"""|'''[\s\S]*?'''/, doubleQuoted, singleQuoted),
};
const regexLiteral = /\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/y;

/**
 * The prose of a file, in order.
 *
 * @returns {{kind: "comment" | "string" | "text", text: string, lineAt: (index: number) => number}[]} `text` has single
 *   spaces for line breaks within a paragraph and "\n" between paragraphs; `lineAt` takes an index in `text`.
 */
export function proseOf(path, source) {
  if (markdown.test(path)) return paragraphs(source);
  const found = [];
  for (const token of listTokens(path, source)) {
    const last = found.at(-1);
    const continues =
      token.kind === "comment" &&
      last?.kind === "comment" &&
      /^[ \t]*\n[ \t]*$/.test(source.slice(last.end, token.start)) &&
      last.isLineComment === token.isLineComment &&
      token.isLineComment;
    if (continues) {
      last.pieces.push(...token.pieces);
      last.end = token.end;
    } else {
      found.push(token);
    }
  }
  return found.map(({ kind, pieces }) => join(kind, pieces));
}

/** The source with comments and strings replaced by spaces: lines keep their numbers. */
export function codeOf(path, source) {
  return markdown.test(path) ? "" : blanked(source, listTokens(path, source));
}

/** The source with comments replaced by spaces, as in {@link codeOf}. */
export function withoutComments(path, source) {
  return blanked(
    source,
    listTokens(path, source).filter(({ kind }) => kind === "comment"),
  );
}

function blanked(source, found) {
  let code = "";
  let at = 0;
  for (const { start, end } of found) {
    code += source.slice(at, start) + source.slice(start, end).replace(/[^\n]/g, " ");
    at = end;
  }
  return code + source.slice(at);
}

function listTokens(path, source) {
  const pattern = new RegExp(hashComments.test(path) ? tokens.hash : tokens.c);
  const lineOf = lineCounter(source);
  const found = [];
  for (let match = pattern.exec(source); match; match = pattern.exec(source)) {
    const [token] = match;
    if (token === "/") {
      if (!beforeRegex.test(source.slice(Math.max(0, match.index - 20), match.index))) continue;
      regexLiteral.lastIndex = match.index;
      if (regexLiteral.test(source)) pattern.lastIndex = regexLiteral.lastIndex;
      continue;
    }
    const isLineComment = token.startsWith("//") || token.startsWith("#");
    found.push({
      kind: isLineComment || token.startsWith("/*") ? "comment" : "string",
      isLineComment,
      start: match.index,
      end: match.index + token.length,
      pieces: token.split("\n").map((text, i) => ({ text: bare(text), line: lineOf(match.index) + i })),
    });
  }
  return found;
}

/** A line of a comment or a string without its delimiters and without code inside a template. */
const bare = (line) =>
  line
    .trim()
    .replace(/^(?:\/\/+[!<]*|\/\*+|\*\/|\*(?!\*)|#+|["'`]+)\s*/, "")
    .replace(/\s*(?:\*\/|["'`]+)$/, "")
    .replace(/\$\{[^{}]*\}/g, "${}");

function paragraphs(source) {
  const found = [];
  let pieces = [];
  let isCode = false;
  const end = () => {
    if (pieces.length > 0) found.push(join("text", pieces));
    pieces = [];
  };
  for (const [i, line] of source.split("\n").entries()) {
    if (/^\s*(?:```|~~~)/.test(line)) {
      end();
      isCode = !isCode;
      continue;
    }
    const comment = isCode ? /(?:^|\s)(?:\/\/|#)\s+(.*)$/.exec(line)?.[1] : line;
    if (isCode || /^\s*$|^\s*(?:[-*+|]|\d+\.|#+)\s?/.test(line)) end();
    if (comment) pieces.push({ text: comment.trim().replace(/^[-*+|#]+\s*/, ""), line: i + 1 });
    if (isCode || /^\s*#/.test(line)) end();
  }
  end();
  return found;
}

function join(kind, pieces) {
  let text = "";
  const starts = [];
  for (const piece of pieces) {
    if (text !== "") text += piece.text === "" || text.endsWith("\n") ? "\n" : " ";
    starts.push({ index: text.length, line: piece.line });
    text += piece.text;
  }
  return { kind, text, lineAt: (index) => starts.findLast((start) => start.index <= index).line };
}

function lineCounter(source) {
  const ends = [...source.matchAll(/\n/g)].map(({ index }) => index);
  return (index) => {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ends[middle] < index) low = middle + 1;
      else high = middle;
    }
    return low + 1;
  };
}

function anyOf(...patterns) {
  return new RegExp(patterns.map(({ source }) => source).join("|"), "g");
}
