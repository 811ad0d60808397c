// The command `camelgpt`: runs the named command, and reports an error as one line and an exit code.
import { readFile } from "node:fs/promises";

import { type Command, parse, nameNearest, UsageError } from "./cli/command.js";
import { commands } from "./cli/commands.js";
import { errorLine, errorOf } from "./cli/error-words.js";
import { helpOf, overview } from "./cli/help.js";
import { printJson, printNote, printText } from "./cli/output.js";
import type { CamelGPTError } from "../../web/errors.js";

const exitCodes = { done: 0, atFault: 1, usage: 2, interrupted: 130 };

async function main(args: string[]): Promise<number> {
  const [name = "--help", ...rest] = args;
  if (name === "--help" || name === "-h") {
    printText(overview(commands));
    return exitCodes.done;
  }
  if (name === "--version" || name === "-v") {
    const description: unknown = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
    printText(`${(description as { version: string }).version}\n`);
    return exitCodes.done;
  }
  const command = commandOf(name);
  if (!command) {
    throw new UsageError(`Unknown command ${JSON.stringify(name)}.`, nameNearest(name, Object.keys(commands)));
  }
  const flags = parse(name, command, rest);
  if (flags.help) {
    printText(helpOf(name, command));
    return exitCodes.done;
  }
  const abort = new AbortController();
  // A second Ctrl-C finds no listener and ends the process.
  process.once("SIGINT", () => abort.abort());
  await command.run(flags, abort.signal);
  return abort.signal.aborted ? exitCodes.interrupted : exitCodes.done;
}

function commandOf(name: string | undefined): Command | undefined {
  return name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined;
}

function report(error: CamelGPTError, asJson: boolean): number {
  if (asJson) printJson({ error });
  printNote(`camelgpt: ${errorLine(error)}`);
  if (error.code === "aborted") return exitCodes.interrupted;
  return error.code === "bad-option" ? exitCodes.usage : exitCodes.atFault;
}

// A reader that closes the pipe early (`| head`) is not an error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(exitCodes.done);
  throw error;
});

const args = process.argv.slice(2);
try {
  process.exitCode = (await main(args)) || (process.exitCode ?? exitCodes.done);
} catch (error) {
  process.exitCode = report(errorOf(error, commandOf(args[0])), args.includes("--json"));
}
