// The tables of records and the help of the CLI go in, the tables of docs/options.md and npm/README.md come out. Run it
// after a change of a table and a build; a test compares its result with what is committed.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readHelp } from "./lib/help.mjs";
import { aligned, escapePipes } from "./lib/markdown-table.mjs";
import { readTables, ruleOf, wrap } from "./lib/records.mjs";
import { isMain, Problem, repositoryRoot, runMain } from "./lib/run.mjs";

/** Options that a record has for the engine's own use. */
const internal = ["mode", "trainedFfn", "hasSidecar"];

/** The text between the markers `<!-- NAME: ... -->` and `<!-- end of NAME -->` of each file. */
function sections({ records }, { commands, topics }) {
  const fieldsOf = (name) =>
    records
      .find((record) => record.name === name)
      .fields.filter(({ name: field, type }) => type !== "record" && !internal.includes(field));
  const helpOf = (name) => records.find((record) => record.name === name).help;
  const generation = fieldsOf("GenerationOptions");
  const flagsOf = ({ options }) => {
    const flags = new Map(options.map(({ option, flag, short }) => [option, short ? `${short}, ${flag}` : flag]));
    return (name) => flags.get(name);
  };
  const topicOf = (topic) => topics.find(({ name }) => name === topic);
  const modelOptions = topicOf("model-options");
  return {
    "docs/options.md": {
      generation: [
        ...wrap(helpOf("SamplerOptions"), 110),
        "",
        table(generation, flagsOf(topicOf("generation-options"))),
      ].join("\n"),
      pruning: table(fieldsOf("PruneOptions")),
      memory: table(fieldsOf("MemoryOptions"), flagsOf(modelOptions)),
      "flags of the model": `\n${flagTable(modelOptions)}`,
    },
    "npm/README.md": {
      "generation options": `\n${table(generation)}`,
      commands: `\n${commandTable(commands)}`,
    },
  };
}

function table(fields, flagOf) {
  const rows = fields.map((field) => {
    const cells = [`\`${field.name}\``, field.defaultWords, rangeOf(field), escapePipes(field.help)];
    const flag = flagOf?.(field.name);
    return flagOf ? [...cells, flag ? `\`${flag}\`` : ""] : cells;
  });
  const head = ["option", "default", "range", "what it does", ...(flagOf ? ["flag"] : [])];
  return aligned([head, ...rows]);
}

function flagTable({ options }) {
  const rows = options.map(({ short, flag, value, option, help }) => {
    const form = `\`${short ? `${short}, ` : ""}${flag}${value ? ` ${value}` : ""}\``;
    return [form, `\`${option}\``, escapePipes(help)];
  });
  return aligned([["flag", "option", "what it does"], ...rows]);
}

function commandTable(commands) {
  const rows = commands.map(({ name, usage, summary }) => [
    escapePipes(`\`${`${name} ${usage}`.trim()}\``),
    escapePipes(summary),
  ]);
  return aligned([["command", "what it does"], ...rows]);
}

function rangeOf(field) {
  const rule = ruleOf(field);
  if (rule.type === "flag") return "`true`, `false`";
  if (rule.type === "choice") return rule.names.map((name) => `\`${name}\``).join(", ");
  return rule.range;
}

/** Each file with its sections made from the tables: `[{path, committed, made}]`. */
export function optionsReference() {
  const tables = readTables(readFileSync(join(repositoryRoot, "build/wasm/records.json"), "utf8"));
  return Object.entries(sections(tables, readHelp())).map(([path, parts]) => {
    const committed = readFileSync(join(repositoryRoot, path), "utf8");
    let made = committed;
    for (const [name, text] of Object.entries(parts)) {
      const markers = new RegExp(`(<!-- ${name}: [^>]*-->\n)[\\s\\S]*?(<!-- end of ${name} -->)`);
      if (!markers.test(made)) throw new Problem(`${path} lacks the comments around its section "${name}"`);
      made = made.replace(markers, (_, start, end) => `${start}${text}${end}`);
    }
    return { path, committed, made };
  });
}

if (isMain(import.meta.url)) {
  await runMain(() => {
    for (const { path, made } of optionsReference()) writeFileSync(join(repositoryRoot, path), made);
  });
}
