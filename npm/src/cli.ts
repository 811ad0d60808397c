// The command `camelgpt`: runs the named command, and reports an error as one line and an exit code.
import { readFile } from "node:fs/promises";

import { cache } from "./cli/cache.js";
import { calibrate } from "./cli/calibrate.js";
import { classify } from "./cli/classify.js";
import { embed } from "./cli/embed.js";
import { fillMask } from "./cli/fill-mask.js";
import { generate } from "./cli/generate.js";
import { inspect } from "./cli/inspect.js";
import { list } from "./cli/list.js";
import { pull } from "./cli/pull.js";
import { release } from "./cli/release.js";
import { remove } from "./cli/rm.js";
import { score } from "./cli/score.js";
import { show } from "./cli/show.js";
import { tokenize } from "./cli/tokenize.js";
import { verify } from "./cli/verify.js";
import { type Command, helpOf, nameNearest, parse, UsageError } from "./cli/command.js";
import { printJson, printNote, printText } from "./cli/output.js";
import { asCamelGPTError, type CamelGPTError } from "../../web/errors.js";

const commands: Record<string, Command> = {
  pull,
  list,
  show,
  rm: remove,
  generate,
  score,
  tokenize,
  "fill-mask": fillMask,
  classify,
  embed,
  inspect,
  calibrate,
  release,
  verify,
  cache,
};

const exitCodes = { done: 0, atFault: 1, usage: 2, interrupted: 130 };

const overview = `camelgpt: small language models on the CPU

Usage: camelgpt <command> [options]

${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`)
  .join("\n")}

camelgpt <command> --help lists a command's options. --json prints JSON, on all commands.
camelgpt --version prints the version.
On a terminal, control and invisible characters of an answer are escaped. In a pipe or file an answer
is as the model gives it, byte for byte. JSON, tables and errors are always escaped.
Exit codes: 0 done, 1 the model or the input is at fault, 2 wrong usage.
`;

async function main(args: string[]): Promise<number> {
  const [name = "--help", ...rest] = args;
  if (name === "--help" || name === "-h" || name === "help") {
    printText(overview);
    return exitCodes.done;
  }
  if (name === "--version" || name === "-v") {
    const description: unknown = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
    printText(`${(description as { version: string }).version}\n`);
    return exitCodes.done;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
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

function report(error: CamelGPTError, asJson: boolean): number {
  if (asJson) printJson({ error });
  const details = [error.expected && `expected ${error.expected}`, error.found && `found ${error.found}`].filter(
    Boolean,
  );
  const line = [error.message, details.length > 0 && `(${details.join(", ")})`, error.hint].filter(Boolean).join(" ");
  printNote(`camelgpt: ${line.replace(/\s+/g, " ")}`);
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
  process.exitCode = await main(args);
} catch (error) {
  process.exitCode = report(asCamelGPTError(error), args.includes("--json"));
}
