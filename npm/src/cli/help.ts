// The help of the CLI, made from the tables of commands and flags.
import { allFlags, type Command, type Flag, type FlagGroup, flagsOfAll, nameNearest, UsageError } from "./command.js";
import { printJson, printText } from "./output.js";

const maxColumns = 100;
const indent = 29;

export type Commands = Record<string, Command>;

/** `camelgpt help [COMMAND | TOPIC]`. `commands` returns the table, of which this command is a row. */
export function helpCommand(commands: () => Commands): Command {
  return {
    summary: "explain a command, or the options that several commands share",
    usage: "[COMMAND | TOPIC]",
    flags: {},
    values: () => [...Object.keys(commands()), ...groupsOf(commands()).map(({ name }) => name)],
    async run(flags) {
      const table = commands();
      const [name, ...more] = flags.positionals;
      if (more.length > 0) throw new UsageError("help explains one command.", "camelgpt help lists the commands.");
      if (flags.json) printJson(helpTable(table));
      else printText(name === undefined ? overview(table) : helpFor(name, table));
    },
  };
}

function helpFor(name: string, commands: Commands): string {
  if (Object.hasOwn(commands, name)) return helpOf(name, commands[name]!);
  const groups = groupsOf(commands);
  const group = groups.find((each) => each.name === name);
  if (group) return helpOfGroup(group, commands);
  const known = [...Object.keys(commands), ...groups.map((each) => each.name)];
  throw new UsageError(`There is no command or topic ${JSON.stringify(name)}.`, nameNearest(name, known));
}

export function overview(commands: Commands): string {
  const lines = columns(Object.entries(commands).map(([name, { summary }]) => [name, summary]));
  const topics = columns(groupsOf(commands).map(({ name, title }) => [name, title.toLowerCase()]));
  return `camelgpt: small language models on the CPU

Usage: camelgpt COMMAND [options]

${lines.join("\n")}

camelgpt help COMMAND, or camelgpt COMMAND --help, lists the options of a command.
camelgpt help TOPIC explains options that several commands share:
${topics.join("\n")}

--json prints JSON, on all commands. camelgpt --version (-v) prints the version.
On a terminal, control and invisible characters of an answer are escaped. In a pipe or file an answer
is as the model gives it, byte for byte. JSON, tables and errors are always escaped.
Exit codes: 0 done, 1 the model or the input is at fault, 2 wrong usage, 3 some requests of
a batch failed.
`;
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`);
}

/** The options of a command; those that it shares with others only by their names. */
export function helpOf(name: string, command: Command): string {
  const { summary, usage, flags, groups = [] } = command;
  const parts = [`camelgpt ${name}: ${summary}`, `Usage: camelgpt ${name} ${usage}`.trimEnd()];
  parts.push(linesOf({ ...flags, ...flagsOfAll }));
  for (const group of groups) {
    if (group.isExplained) {
      parts.push(`${group.title}:\n${linesOf(group.flags)}`);
      continue;
    }
    const names = Object.entries(group.flags).filter(([flag]) => !Object.hasOwn(flags, flag));
    const list = wrapped(names.map(([flag, rule]) => leftOf(flag, rule).trim()).join(" · "), 2);
    parts.push(`${group.title} (camelgpt help ${group.name}):\n  ${list}`);
  }
  return `${parts.join("\n\n")}\n`;
}

function helpOfGroup({ name, title, flags }: FlagGroup, commands: Commands): string {
  const users = Object.keys(commands).filter((each) => commands[each]?.groups?.some((group) => group.name === name));
  return `${wrapped(`${title}, for camelgpt ${users.join(", ")}`, 2)}\n\n${linesOf(flags)}\n`;
}

/** The groups of all commands, each once and with all of its flags. */
export function groupsOf(commands: Commands): FlagGroup[] {
  const groups = new Map<string, FlagGroup>();
  for (const group of Object.values(commands).flatMap((command) => command.groups ?? [])) {
    const size = Object.keys(groups.get(group.name)?.flags ?? {}).length;
    if (Object.keys(group.flags).length > size) groups.set(group.name, group);
  }
  return [...groups.values()];
}

/** The tables of commands and flags, for programs. */
function helpTable(commands: Commands) {
  const options = (flags: Record<string, Flag>) =>
    Object.entries(flags).map(([name, flag]) => ({
      flag: `--${name}`,
      short: flag.short ? `-${flag.short}` : null,
      value: flag.takes === "nothing" ? null : (flag.value ?? "N"),
      option: optionOf(name, flag),
      help: flag.help,
    }));
  return {
    commands: Object.entries(commands).map(([name, { summary, usage, flags, groups = [] }]) => ({
      name,
      summary,
      usage,
      options: options({ ...flags, ...flagsOfAll }),
      topics: groups.map((group) => group.name),
    })),
    topics: groupsOf(commands).map(({ name, title, flags }) => ({ name, title, options: options(flags) })),
  };
}

/** Returns the options of the API that the flags of a command set, with the flag of each. */
export function optionFlags(command: Command): Map<string, string> {
  return new Map(Object.entries(allFlags(command)).map(([name, flag]) => [optionOf(name, flag), `--${name}`]));
}

function optionOf(name: string, { option }: Flag): string {
  return option ?? name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function linesOf(flags: Record<string, Flag>): string {
  return Object.entries(flags)
    .map(([name, flag]) => {
      const left = `  ${leftOf(name, flag)}`;
      const gap = left.length < indent ? " ".repeat(indent - left.length) : `\n${" ".repeat(indent)}`;
      return `${left}${gap}${wrapped(flag.help, indent)}`;
    })
    .join("\n");
}

function leftOf(name: string, { takes, short, value, many }: Flag): string {
  const shape = takes === "nothing" ? "" : ` ${value ?? "N"}`;
  return `${short ? `-${short}, ` : ""}--${name}${shape}${many ? " …" : ""}`;
}

/** Wraps text, and indents all lines but the first. */
function wrapped(text: string, indent: number): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines[lines.length - 1] ?? "";
    if (last !== "" && indent + last.length + 1 + word.length > maxColumns) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines.join(`\n${" ".repeat(indent)}`);
}
