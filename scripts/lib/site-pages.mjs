// The files of the site's pages go in, their text with links of the site comes out.
import { existsSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { Problem, repositoryRoot } from "./run.mjs";

const repository = "https://github.com/gpt-research/camelgpt-inference/blob/main/";
const codeBlock = /^(```|~~~)[\s\S]*?^\1/gm;

/** Applies `change` to the text outside of fenced code blocks. */
function outsideCode(text, change) {
  let made = "";
  let end = 0;
  for (const { 0: block, index } of text.matchAll(codeBlock)) {
    made += change(text.slice(end, index)) + block;
    end = index + block.length;
  }
  return made + change(text.slice(end));
}

/**
 * The text of a page in the site: links to files that are pages lead there, links to other files of the repository lead
 * to the repository's host.
 *
 * @param text   Markdown
 * @param path   path of its file in the repository
 * @param pages  file in the repository → path of its page
 * @param assets gets the file of each image: path in the repository → path in the site
 */
export function toSitePage(text, path, pages, assets) {
  const page = pages.get(path);
  const resolve = (link) => {
    if (/^([a-z]+:|#|\/)/.test(link)) return link;
    const [file, anchor] = link.split(/(#.*)/s);
    const target = posix.join(dirname(path), file).replace(/\/$/, "");
    if (!existsSync(join(repositoryRoot, target))) throw new Problem(`${path} links to ${link}, which does not exist`);
    if (pages.has(target)) return `${pages.get(target)}${anchor ?? ""}`;
    if (/\.(svg|png)$/.test(target)) {
      assets.set(target, posix.join("/images", posix.basename(target)));
      return assets.get(target);
    }
    return `${repository}${target}${anchor ?? ""}`;
  };
  return outsideCode(text, (prose) =>
    prose
      .replace(/\]\(([^()\s]+)\)/g, (_, link) => `](${resolve(link)})`)
      // The package's README is also read without the repository, so it names these files in words.
      .replace(/`(docs\/[\w-]+\.md)` in the repository/g, (whole, file) =>
        pages.has(file) && page ? `[${file.slice(5, -3)}](${pages.get(file)})` : whole,
      )
      .replace(/`(docs\/[\w-]+\.md|SECURITY\.md)`/g, (whole, file) =>
        pages.has(file) ? `[\`${file}\`](${pages.get(file)})` : whole,
      ),
  );
}

/** Escapes what a cell of a table, or a template of Vue, would not show as text. */
const cell = (text) => text.replaceAll("|", "\\|").replaceAll("<", "&lt;").replaceAll("{{", "&#123;&#123;");

function flagRows(options) {
  return options.map(({ flag, short, value, help }) => {
    const form = `${short ? `${short}, ` : ""}${flag}${value ? ` ${value}` : ""}`;
    return `| \`${form.replaceAll("|", "\\|")}\` | ${cell(help)} |`;
  });
}

/** The reference of the command line, from what `camelgpt help --json` prints. */
export function commandLinePage({ commands, topics }) {
  const lines = [
    "# Command line",
    "",
    "`npx camelgpt COMMAND`. `camelgpt help COMMAND` prints the same text as this page. Exit codes: 0 done,",
    "1 the model or the input is at fault, 2 wrong usage. See also the",
    "[examples](/package#command-line).",
  ];
  for (const { name, usage, summary, options, topics: shared } of commands) {
    lines.push("", `## ${name}`, "", `${summary[0].toUpperCase()}${summary.slice(1)}.`, "");
    lines.push("```", `camelgpt ${name} ${usage}`.trim(), "```", "");
    const known = topics.filter((topic) => shared.includes(topic.name));
    const titles = known.map((topic) => `[${topic.name}](#${topic.name})`);
    if (titles.length > 0) lines.push(`Also takes the ${titles.join(" and the ")}.`, "");
    if (options.length > 0) lines.push("| flag | what it does |", "| --- | --- |", ...flagRows(options));
  }
  for (const { name, title, options } of topics) {
    lines.push("", `## ${name}`, "", `${title}.`, "", "| flag | what it does |", "| --- | --- |", ...flagRows(options));
  }
  return `${lines.join("\n")}\n`;
}

/** The list of models, from the catalogue of the package. */
export function modelsPage(catalogue) {
  const inWords = (count) => {
    return count < 1e6 ? `${Math.round(count / 1000)} thousand` : `${Math.round(count / 1e6)} million`;
  };
  const size = (bytes) => {
    if (bytes === undefined) return "see its repository";
    return bytes < 1e6 ? `${Math.round(bytes / 1000)} KB` : `${Math.round(bytes / 1e6)} MB`;
  };
  const rows = catalogue.map((entry) => {
    const source = entry.repository
      ? `[${entry.repository}](https://huggingface.co/${entry.repository})`
      : "in the package";
    const cells = [`\`${entry.name}\``, entry.title, inWords(entry.parameters), size(entry.bytes), entry.licence];
    return `| ${[...cells, entry.use, source].map((text) => cell(text)).join(" | ")} |`;
  });
  return [
    "# Models and licences",
    "",
    "These models have short names. `npx camelgpt pull NAME` downloads one, and `new CamelGPTInference(NAME)`",
    "downloads it with its first use. [Other GGUF files](/package#get-a-model) load by path, URL or `owner/repo`.",
    "",
    "| name | model | parameters | download | licence | for | source |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...rows,
    "",
    "A model's licence is its publisher's, and you must follow it. The default model, `camelgpt-mini`, may not be used",
    "commercially. The code of the package is under the MIT licence.",
    "",
    "[Architectures](/reference/models) lists which kinds of models run, and how each was verified.",
    "",
  ].join("\n");
}
