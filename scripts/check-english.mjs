// Checks the English of comments, messages, test names and documentation in every tracked file: reports phrases that
// the project avoids, with an alternative for each, and lines of code that are too long.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { codeOf, proseOf } from "./lib/prose.mjs";
import { Problem, isMain, listSources, repositoryRoot, runMain, say } from "./lib/run.mjs";

const maxColumns = 120;
const checkedFiles =
  /(?:\.(?:tsx?|mts|mjs|cjs|js|h|cpp|py|md|html|css|ya?ml)|(?:^|\/)CMakeLists\.txt|(?:^|\/)requirements\.txt)$/;
const linesWithLimit = /\.(?:tsx?|mjs|js|h|cpp)$/;

/** Exceptions, each with its reason. A `phrase` limits an exception to that phrase in the file. */
const allowed = [
  {
    path: /^(?:scripts\/check-english\.mjs|tests\/scripts\/check-english\.test\.mjs)$/,
    reason: "quotes the phrases",
  },
  { path: /^tests\/data\//, reason: "input of the tokenizer tests" },
  { path: /^web\/tasks\/calibration-text\//, reason: "its text is data: results of calibrations depend on it" },
  { path: /^tests\/unit\/session\/test_stop_strings\.cpp$/, phrase: "go on", reason: "input of a test" },
];

/** "behind a flag" and the like, the literal use of the word. */
const hides = "(?:an?|the|its|one) (?:[\\w-]+ ){0,2}(?:flag|option|proxy|link|firewall|login|CDN)s?\\b";
const words = "(?:[\\w'`-]+ ){0,3}";

/** Avoided phrases, each with an alternative. */
const phrases = [
  { pattern: /\banew\b/i, advice: '"again"' },
  { pattern: /\bnobody\b/i, advice: 'the passive, or "no caller", "unused", "disabled"' },
  { pattern: /\bwhoever\b/i, advice: 'name the caller: "callers that …"' },
  {
    pattern: /\bwhatever (?:(?:it|they|there) )?(?:is|are|was|were|comes)\b/i,
    advice: 'name the thing: "any …", "regardless of …"',
  },
  { pattern: /\bof late\b/i, advice: '"recently"' },
  { pattern: /\bso many\b/i, advice: 'name the count: "N tokens", "that number of"' },
  { pattern: new RegExp(`\\bg(?:ives?|iving|ave|iven) ${words}back\\b`, "i"), advice: '"returns" or "releases"' },
  { pattern: /\bgo(?:es|ing|ne)? on\b|\bwent on\b/i, advice: '"continues"' },
  { pattern: /\b(?:is|are|was|were|be|been) had\b/i, advice: '"is available", "exists"' },
  {
    pattern: /\bwhat there is\b|\bthat (?:is|are) there\b|\bthere is to be\b|\bas there (?:is|are)\b/i,
    advice: "name the thing",
  },
  { pattern: /\bat once\b/i, advice: '"immediately", "in one step" or "at a time"' },
  {
    pattern: new RegExp(`(?<!\\b(?:left|falls?|lags?|leaves?) )\\bbehind\\b(?! ${hides})`, "i"),
    advice: '"after" or "past"; name what hides',
  },
  {
    pattern: /(?<!\b(?:leaves?|left|leaving|let|stands?|each) (?:[\w-]+ ){0,3})\balone\b/i, // "each run alone"
    advice: '"only" or "by itself"',
  },
  { pattern: /\bas (?:it|they) (?:is|are|was|were)(?=[.,;:)]|$)/i, advice: '"unchanged"' },
  { pattern: /\bst(?:and|ands|ood) for\b/i, advice: '"is", "means" or "represents"' },
  { pattern: /\btakes? (?:[\w-]+ ){1,2}to be\b/i, advice: '"assumes"' },
  { pattern: /\bin vain\b/i, advice: '"failed", "without effect"' },
  { pattern: /\bforesee/i, advice: '"predict"' },
  { pattern: new RegExp(`\\bput(?:s|ting)? ${words}off\\b`, "i"), advice: '"defer"' },
  { pattern: /\bhears? of\b/i, advice: '"receives", "is notified"' },
  { pattern: /\bas far as (?:it|they) (?:is|are)\b/i, advice: '"if", or name the part' },
  { pattern: /\bdoes not know that\b/i, advice: "say what is hidden from whom" },
];

/** A sentence from its first word to its full stop; a stop inside a word ("file.ts", "e.g.") does not end it. */
const sentence = (opening) => new RegExp(`(?<=^|[.!?:]\\s|\\n)${opening}(?:[^.!?\\n]|[.!?](?!\\s|$))*\\.(?=\\s|$)`);
const openings = [
  { pattern: sentence("What "), phrase: "What …", advice: "begin with the thing itself" },
  {
    pattern: sentence("The same (?!as )"),
    phrase: "The same …",
    advice: '"The same as foo(), but …", or repeat the fact',
  },
];

const identifiers = [
  { pattern: /\bk(?:Most|Least)[A-Z]\w*/, advice: (name) => name.replace("kMost", "kMax").replace("kLeast", "kMin") },
];

/**
 * Every finding in one file.
 *
 * @returns {{path: string, line: number, phrase: string, advice: string}[]} by line
 */
export function checkText(path, source) {
  const findings = [];
  const add = (line, phrase, advice) => {
    const isAllowed = allowed.some((entry) => entry.path.test(path) && (entry.phrase ?? phrase) === phrase);
    if (!isAllowed) findings.push({ path, line, phrase, advice });
  };
  for (const { kind, text, lineAt } of proseOf(path, source)) {
    for (const { pattern, advice } of phrases)
      for (const match of matches(pattern, text)) add(lineAt(match.index), match[0], advice);
    if (kind === "string") continue;
    for (const { pattern, phrase, advice } of openings)
      for (const match of matches(pattern, text)) add(lineAt(match.index), phrase, advice);
  }
  for (const [i, line] of codeOf(path, source).split("\n").entries())
    for (const { pattern, advice } of identifiers)
      for (const [name] of matches(pattern, line)) add(i + 1, name, advice(name));
  if (linesWithLimit.test(path)) {
    for (const [i, line] of source.split("\n").entries()) {
      const columns = [...line].length;
      if (columns > maxColumns) add(i + 1, `${columns} columns`, `at most ${maxColumns}`);
    }
  }
  return findings.sort((a, b) => a.line - b.line);
}

const matches = (pattern, text) => text.matchAll(new RegExp(pattern, `${pattern.flags}g`));

/** Prints every finding in the tracked files; throws a Problem if there is one. */
export function expectPlainEnglish() {
  const paths = listSources().filter((path) => checkedFiles.test(path));
  const findings = paths.flatMap((path) => checkText(path, readFileSync(join(repositoryRoot, path), "utf8")));
  for (const { path, line, phrase, advice } of findings) say(`${path}:${line}: ${phrase}: ${advice}`);
  if (findings.length > 0) throw new Problem(`${findings.length} phrase(s) or line(s) to rewrite`);
}

if (isMain(import.meta.url)) await runMain(expectPlainEnglish);
