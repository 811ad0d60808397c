// The commands of the CLI and the parsing of their arguments.
import { parseArgs } from "node:util";

import { CamelGPTError, describe } from "../../../web/errors.js";
import { nearest } from "../../../web/nearest.js";

/** A flag: the type of its value, whether it can be repeated (`many`), and its help. */
export interface Flag {
  takes: "nothing" | "text" | "number";
  /** The name of the value in the help. */
  value?: string;
  many?: boolean;
  help: string;
}

export interface Command {
  summary: string;
  /** The arguments, as the help shows them. */
  usage: string;
  flags: Record<string, Flag>;
  run(flags: Flags, signal: AbortSignal): Promise<void>;
}

/** An error in the command line. */
export class UsageError extends CamelGPTError {
  constructor(message: string, hint?: string) {
    super("bad-option", message, { hint: hint ?? "camelgpt --help lists the commands." });
  }
}

/** The arguments of a command. */
export class Flags {
  constructor(
    readonly positionals: readonly string[],
    private readonly values: Record<string, unknown>,
  ) {}

  get help(): boolean {
    return this.has("help");
  }

  get json(): boolean {
    return this.has("json");
  }

  has(name: string): boolean {
    return this.values[name] === true;
  }

  text(name: string): string | undefined {
    return this.values[name] as string | undefined;
  }

  texts(name: string): string[] {
    return (this.values[name] as string[] | undefined) ?? [];
  }

  number(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = text.trim() === "" ? NaN : Number(text);
    if (Number.isNaN(value)) throw new UsageError(`--${name} wants a number, not ${JSON.stringify(text)}.`);
    return value;
  }
}

const flagsOfAll: Record<string, Flag> = {
  json: { takes: "nothing", help: "Print JSON on stdout." },
  help: { takes: "nothing", help: "Show this help." },
};

/** Errors: UsageError. */
export function parse(name: string, command: Command, args: string[]): Flags {
  const flags = { ...command.flags, ...flagsOfAll };
  const options = Object.fromEntries(
    Object.entries(flags).map(([flag, { takes, many = false }]) => [
      flag,
      { type: takes === "nothing" ? ("boolean" as const) : ("string" as const), multiple: many },
    ]),
  );
  try {
    const { positionals, values } = parseArgs({ args, options, allowPositionals: true });
    return new Flags(positionals, values);
  } catch (error) {
    const unknown = /^Unknown option '--?([^']+)'/.exec(describe(error))?.[1];
    if (unknown)
      throw new UsageError(`${name} has no option --${unknown}.`, nameNearest(unknown, Object.keys(flags), "--"));
    throw new UsageError(describe(error).split("\n")[0] ?? "", `camelgpt ${name} --help lists the options.`);
  }
}

export function nameNearest(name: string, known: string[], prefix = ""): string {
  const near = nearest(name, known);
  return near ? `Did you mean ${prefix}${near}?` : `Known: ${known.map((each) => prefix + each).join(", ")}.`;
}

export function helpOf(name: string, { summary, usage, flags }: Command): string {
  const lines = Object.entries({ ...flags, ...flagsOfAll }).map(([flag, { takes, value, many, help }]) => {
    const left = `--${flag}${takes === "nothing" ? "" : ` ${value ?? "N"}`}${many ? " …" : ""}`;
    return `  ${left.padEnd(26)} ${wrapped(help, 29)}`;
  });
  return `camelgpt ${name}: ${summary}\n\nUsage: camelgpt ${name} ${usage}\n\n${lines.join("\n")}\n`;
}

/** Wraps text at 100 columns and indents all lines but the first. */
function wrapped(text: string, indent: number): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines[lines.length - 1] ?? "";
    if (last !== "" && indent + last.length + 1 + word.length > 100) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines.join(`\n${" ".repeat(indent)}`);
}
