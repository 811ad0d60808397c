// The help of the built command line, as data.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { Problem, repositoryRoot } from "./run.mjs";

/** The tables of the command line, as it prints them. Throws a Problem if the package is not built. */
export function readHelp() {
  const command = join(repositoryRoot, "npm/bin/camelgpt.js");
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, "help", "--json"], { encoding: "utf8" });
  if (status !== 0) throw new Problem(`camelgpt help failed: ${stderr}`);
  return JSON.parse(stdout);
}
