// The code blocks of all documentation, with the code that a block assumes around it.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { listSources, repositoryRoot } from "../../scripts/lib/run.mjs";

const documents = ["README.md", "npm/README.md", "docs/*.md", "site/pages/**/*.md"];
const languages = ["js", "ts", "tsx", "sh", "html"];

/** Code for names that a block uses without declaring them, in the order in which they need one another. */
const assumed = {
  model: 'const model = new CamelGPTInference("smollm2-135m");',
  prompt: 'const prompt = "A short title and two tags as JSON: ";',
  messages: 'const messages: ChatMessage[] = [{ role: "user", content: "Say hello." }];',
  name: 'const name = "smollm2-135m";',
  tools: `const tools = [tool({
    name: "sky", description: "The sky over a city.", parameters: { type: "object", properties: {} },
  })];`,
  schema: `const schema = z.object({ title: z.string().max(20), tags: z.array(z.string().max(9)).max(2) });`,
  loadedSchema: 'const loadedSchema: JsonSchema = { type: "object", properties: {} };',
  show: "const show = (...values: unknown[]) => console.log(...values);",
  showSmall: "const showSmall = (text: string) => console.log(text);",
  note: "const note = (...values: unknown[]) => console.log(...values);",
  run: "const run = (name: string, input: unknown) => `${name}: ${JSON.stringify(input)}`;",
  createOpenAI: 'import { createOpenAI } from "@gpt-research/camelgpt-inference/openai";',
};
const packageImports = `import { CamelGPTInference, tool } from "@gpt-research/camelgpt-inference";
import type { ChatMessage, JsonSchema } from "@gpt-research/camelgpt-inference";
import { z } from "zod";
type City = { name: string };
`;

/** Whether a block declares a name by itself. */
const declares = (code, name) =>
  new RegExp(`\\b(const|let) (${name}\\b|\\{[^}=]*\\b${name}\\b)`).test(code) ||
  new RegExp(`import \\{[^}]*\\b${name}\\b`).test(code);

/** The code that a fragment needs in front of it, or nothing for a block that imports the class itself. */
function preludeOf(code) {
  const isWhole = /import \{[^}]*CamelGPTInference/.test(code);
  const names = Object.keys(assumed).filter((name) => {
    return new RegExp(`(?<![.\\w"'-])${name}(?![\\w:"'-])`).test(code) && !declares(code, name);
  });
  if (isWhole) return "";
  const own = packageImports.split("\n").filter((line) => !(line.includes('"zod"') && code.includes('"zod"')));
  return `${own.join("\n")}${names.map((name) => assumed[name]).join("\n")}\n`;
}

/**
 * Every block: `{file, line, language, code, prelude, noRun, noExit}`. `noRun` is the reason in its info string
 * ("no-run: reason"), or undefined; `noExit` marks a program that runs until it is stopped.
 */
export function listSnippets() {
  const snippets = [];
  for (const file of listSources(...documents)) {
    const text = readFileSync(join(repositoryRoot, file), "utf8");
    for (const match of text.matchAll(/^```([a-z]+)(?: ([^\n]*))?\n([\s\S]*?)^```/gm)) {
      const [, language, info = "", code] = match;
      if (!languages.includes(language)) continue;
      const line = text.slice(0, match.index).split("\n").length;
      const noRun = /^no-run: (.+)/.exec(info)?.[1];
      const isScript = language === "js" || language === "ts";
      const prelude = isScript ? preludeOf(code) : "";
      snippets.push({ file, line, language, code, prelude, noRun, noExit: info.startsWith("no-exit: ") });
    }
  }
  return snippets;
}
