// The program `camelgpt`: runs a command, and reports its error as one line and an exit code.
import { readFile } from "node:fs/promises";

import { cache } from "./cli/cache.js";
import { calibrate } from "./cli/calibrate.js";
import { classify } from "./cli/classify.js";
import { embed } from "./cli/embed.js";
import { fillMask } from "./cli/fill-mask.js";
import { generate } from "./cli/generate.js";
import { inspect } from "./cli/inspect.js";
import { release } from "./cli/release.js";
import { score } from "./cli/score.js";
import { tokenize } from "./cli/tokenize.js";
import { verify } from "./cli/verify.js";
import { type Command, helpOf, nameNearest, parse, UsageError } from "./cli/command.js";
import { asCamelGPTError, type CamelGPTError } from "../../web/errors.js";

const commands: Record<string, Command> = {
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
Exit codes: 0 done, 1 the model or the input is at fault, 2 wrong usage.
`;

async function main(args: string[]): Promise<number> {
  const [name = "--help", ...rest] = args;
  if (name === "--help" || name === "-h" || name === "help") {
    process.stdout.write(overview);
    return exitCodes.done;
  }
  if (name === "--version" || name === "-v") {
    const description: unknown = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
    process.stdout.write(`${(description as { version: string }).version}\n`);
    return exitCodes.done;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) {
    throw new UsageError(`There is no command ${JSON.stringify(name)}.`, nameNearest(name, Object.keys(commands)));
  }
  const flags = parse(name, command, rest);
  if (flags.help) {
    process.stdout.write(helpOf(name, command));
    return exitCodes.done;
  }
  const abort = new AbortController();
  // A second Ctrl-C finds no listener and ends the process immediately.
  process.once("SIGINT", () => abort.abort());
  await command.run(flags, abort.signal);
  return abort.signal.aborted ? exitCodes.interrupted : exitCodes.done;
}

function report(error: CamelGPTError, asJson: boolean): number {
  if (asJson) process.stdout.write(`${JSON.stringify({ error })}\n`);
  const details = [error.expected && `expected ${error.expected}`, error.found && `found ${error.found}`].filter(
    Boolean,
  );
  const line = [error.message, details.length > 0 && `(${details.join(", ")})`, error.hint].filter(Boolean).join(" ");
  process.stderr.write(`camelgpt: ${line.replace(/\s+/g, " ")}\n`);
  if (error.code === "aborted") return exitCodes.interrupted;
  return error.code === "bad-option" ? exitCodes.usage : exitCodes.atFault;
}

// A closed pipe (`| head`) is no error.
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
