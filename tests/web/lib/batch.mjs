// Shared by the tests of camelgpt batch: files of requests, the command, and what a file of answers has.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { repository } from "./model.mjs";

const command = join(repository, "npm/bin/camelgpt.js");

/** A request for a completion. Those with an odd number sample. */
export const request = (i, fields = {}) => ({
  custom_id: `r${i}`,
  method: "POST",
  url: "/v1/completions",
  body: { prompt: `${i} dogs run . german :`, max_tokens: 6, temperature: i % 2, ...fields },
});

export function writeRequests(path, requests) {
  writeFileSync(path, requests.map((each) => `${typeof each === "string" ? each : JSON.stringify(each)}\n`).join(""));
}

export const bytesOf = (path) => (existsSync(path) ? statSync(path).size : 0);

/**
 * Runs the command. `until`: a function that is asked every few milliseconds; once it returns true, the process gets
 * `kill`, a signal.
 */
export function batch(args, { input = "", until = () => false, kill = "SIGKILL", shell = "" } = {}) {
  return new Promise((resolve) => {
    const all = [command, "batch", ...args];
    const child = shell
      ? spawn("sh", ["-c", `${shell}; exec "$0" "$@"`, process.execPath, ...all])
      : spawn(process.execPath, all);
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (data) => (stdout += data));
    child.stderr.setEncoding("utf8").on("data", (data) => (stderr += data));
    child.stdin.on("error", () => {}); // it may exit without reading
    child.stdin.end(input);
    const timer = setInterval(() => {
      if (!until(stdout)) return;
      clearInterval(timer);
      child.kill(kill);
    }, 2);
    child.on("close", (status, signal) => {
      clearInterval(timer);
      resolve({ status, signal, stdout, stderr });
    });
  });
}

/** Runs the command to its end, which has to be this status. Returns what it printed. */
export async function finish(args, status = 0, options = {}) {
  const result = await batch(args, options);
  assert.equal(result.status, status, result.stderr + result.stdout);
  return result;
}

export const parse = (text) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

/** The text of each answer by its custom_id. Each id has one answer, and each answer was successful. */
export function textsOf(path) {
  const texts = new Map();
  for (const { id, custom_id: customId, response, error } of parse(readFileSync(path, "utf8"))) {
    assert.ok(!texts.has(customId), `${customId} has two answers`);
    assert.equal(error, null);
    assert.equal(response.status_code, 200, JSON.stringify(response.body));
    assert.equal(id.replace("batch_", ""), response.request_id);
    texts.set(customId, response.body.choices[0].text);
  }
  return texts;
}

/** Maps of equal texts, in any order. */
export function sameTexts(actual, expected) {
  assert.deepEqual(new Map([...actual].sort()), new Map([...expected].sort()));
}
