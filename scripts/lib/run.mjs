// Runs other programs and reports to the user: shared by all scripts here.
import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder that holds package.json, CMakeLists.txt and the rest. */
export const repositoryRoot = resolve(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** An error that the user can act on: printed as one line, without a stack. */
export class Problem extends Error {}

export function say(line) {
  process.stderr.write(`${line}\n`);
}

/**
 * Runs a command to completion; rejects with a Problem if it fails. Its output goes to stderr, which leaves stdout for
 * results. `options` are those of `spawn`: `env` is added to the current environment, `cwd` defaults to the repository.
 */
export function run(command, args = [], { env, ...options } = {}) {
  return new Promise((done, failed) => {
    const child = spawn(command, args, {
      stdio: ["inherit", 2, 2],
      cwd: repositoryRoot,
      env: { ...process.env, ...env },
      ...options,
    });
    child.on("error", (error) => failed(new Problem(`cannot start ${command}: ${error.message}`)));
    child.on("close", (code, signal) => {
      if (code === 0) return done();
      failed(new Problem(endingOf(command, args, code, signal)));
    });
  });
}

function endingOf(command, args, code, signal) {
  const shown = [basename(command), ...args.slice(0, 3), ...(args.length > 3 ? ["…"] : [])].join(" ");
  return `${shown} ended with ${signal ?? `exit code ${code}`}`;
}

/** Runs a command without printing anything and resolves to `{ok, output, ending}`; `ending` describes a failure. */
export function captureLater(command, args = [], { env, ...options } = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      cwd: repositoryRoot,
      env: { ...process.env, ...env },
      ...options,
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => (output += text));
    child.on("error", (error) => done({ ok: false, output, ending: `cannot start ${command}: ${error.message}` }));
    child.on("close", (code, signal) =>
      done({ ok: code === 0, output, ending: endingOf(command, args, code, signal) }),
    );
  });
}

/** The same as run(), but returns the output and prints it only after a failure, for commands that run side by side. */
export async function runQuietly(command, args, options) {
  const { ok, output, ending } = await captureLater(command, args, options);
  if (ok) return output;
  say(output);
  throw new Problem(ending);
}

/** Runs async functions, one for each processor at a time. Rejects with the first failure when all have ended. */
export async function runSideBySide(jobs) {
  const queue = [...jobs];
  const failures = [];
  const work = async () => {
    while (queue.length > 0) {
      try {
        await queue.shift()();
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  if (failures.length > 0) throw failures[0];
}

/** Runs a short command and returns `{ok, stdout, stderr}`; never throws. */
export function capture(command, args = [], options = {}) {
  const result = spawnSync(command, args, { encoding: "utf8", cwd: repositoryRoot, maxBuffer: 1 << 26, ...options });
  return {
    ok: result.status === 0,
    stdout: result.stdout ?? "",
    stderr: result.stderr || (result.error ? String(result.error.message) : ""),
  };
}

/** The tracked files of the repository, and new ones that git does not ignore, that match any of git's `patterns`. */
export function listSources(...patterns) {
  const options = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ...patterns];
  const { ok, stdout, stderr } = capture("git", options);
  if (!ok) throw new Problem(`git could not list the files: ${stderr.trim()}`);
  return stdout.split("\0").filter(Boolean);
}

/** The full path of a program on PATH (or in one of `folders`), or undefined. */
export function findProgram(name, folders = []) {
  for (const folder of [...(process.env.PATH ?? "").split(delimiter), ...folders]) {
    if (!folder) continue;
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/** True if the module with the URL `metaUrl` is the script that Node was started with. */
export function isMain(metaUrl) {
  return process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(metaUrl);
}

/** Runs the body of a script. A Problem becomes one line and exit code 1. */
export async function runMain(body) {
  try {
    await body(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    say(`error: ${error.message}`);
    process.exitCode = 1;
  }
}
