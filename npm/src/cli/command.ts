// The form of a command of the CLI, and the parsing of its arguments.
import { parseArgs } from "node:util";

import { CamelGPTError, describe } from "../../../web/errors.js";
import { nearest } from "../../../web/nearest.js";

/** A flag: the type of its value, whether it can be repeated (`many`), and its help. */
export interface Flag {
  takes: "nothing" | "text" | "number";
  /** The letter of its short form. */
  short?: string;
  /** The name of the value in the help. `F` is a file or folder, for completions. */
  value?: string;
  /** The values that a text can have, for completions. */
  values?: readonly string[];
  many?: boolean;
  /** The option of the API that it sets. Default: its own name in camelCase. */
  option?: string;
  help: string;
}

/** Flags that several commands share. Their help is a topic of its own: `camelgpt help NAME`. */
export interface FlagGroup {
  name: string;
  title: string;
  flags: Record<string, Flag>;
  /** Whether the help of the command explains the flags too. Otherwise it only names them. */
  isExplained?: boolean;
}

export interface Command {
  summary: string;
  /** The arguments, as the help shows them. */
  usage: string;
  /** The flags of this command. One with the name of a shared flag replaces it. */
  flags: Record<string, Flag>;
  groups?: readonly FlagGroup[];
  /** The values of its arguments, for completions. Otherwise they are files. */
  values?: () => readonly string[];
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

  /** A copy in which some flags have other texts; undefined: the flag is not given. */
  with(texts: Record<string, string | undefined>): Flags {
    return new Flags(this.positionals, { ...this.values, ...texts });
  }
}

export const flagsOfAll: Record<string, Flag> = {
  json: { takes: "nothing", help: "Print JSON on stdout." },
  help: { takes: "nothing", short: "h", help: "Show this help." },
};

/** All flags of a command, its own ones first. */
export function allFlags({ flags, groups = [] }: Command): Record<string, Flag> {
  const shared = groups.flatMap((group) => Object.entries(group.flags));
  return { ...flags, ...Object.fromEntries(shared.filter(([name]) => !Object.hasOwn(flags, name))), ...flagsOfAll };
}

/** Errors: UsageError. */
export function parse(name: string, command: Command, args: string[]): Flags {
  const flags = allFlags(command);
  const options = Object.fromEntries(
    Object.entries(flags).map(([flag, { takes, short, many = false }]) => [
      flag,
      {
        type: takes === "nothing" ? ("boolean" as const) : ("string" as const),
        multiple: many,
        ...(short && { short }),
      },
    ]),
  );
  const joined = joinValues(args, flags);
  try {
    const { positionals, values } = parseArgs({ args: joined, options, allowPositionals: true });
    return new Flags(positionals, values);
  } catch (error) {
    const unknown = /^Unknown option '(--?[^']+)'/.exec(describe(error))?.[1];
    if (unknown?.startsWith("--"))
      throw new UsageError(
        `${name} has no option ${unknown}.`,
        nameNearest(unknown.slice(2), Object.keys(flags), "--"),
      );
    if (unknown) {
      const shorts = Object.entries(flags).flatMap(([flag, { short }]) => (short ? [`-${short} (--${flag})`] : []));
      throw new UsageError(`${name} has no option ${unknown}.`, `Short options: ${shorts.join(", ")}.`);
    }
    throw new UsageError(describe(error).split("\n")[0] ?? "", `camelgpt help ${name} lists the options.`);
  }
}

/**
 * Joins each flag with its value, `--flag=value`, so that a value can begin with a minus sign: a negative number, or a
 * text. The next flag of the command is not taken as a value.
 */
function joinValues(args: readonly string[], flags: Record<string, Flag>): string[] {
  const named = (arg: string): string | undefined =>
    arg.startsWith("--")
      ? Object.keys(flags).find((name) => arg === `--${name}` || arg.startsWith(`--${name}=`))
      : Object.keys(flags).find((name) => arg === `-${flags[name]?.short}`);
  const joined: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") return [...joined, ...args.slice(i)];
    const [name, next] = [named(arg), args[i + 1]];
    const takesNext = name !== undefined && flags[name]?.takes !== "nothing" && !arg.includes("=");
    if (!takesNext) {
      joined.push(arg);
      continue;
    }
    if (next === undefined || named(next) !== undefined) {
      const hint = next && `For a value that begins with a minus sign: --${name}=${flags[name]?.value ?? "N"}.`;
      throw new UsageError(`--${name} wants a value.`, hint);
    }
    joined.push(`--${name}=${next}`);
    i++;
  }
  return joined;
}

/** A hint for a name that does not exist: the shortest known name that it begins, the most similar one, or all. */
export function nameNearest(name: string, known: string[], prefix = ""): string {
  const [begun] = known.filter((each) => each.startsWith(name)).sort((a, b) => a.length - b.length);
  const near = begun ?? nearest(name, known);
  return near ? `Did you mean ${prefix}${near}?` : `Known: ${known.map((each) => prefix + each).join(", ")}.`;
}
