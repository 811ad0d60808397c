// Permissions that a runtime withholds: a typed error names them, and the runtime is not left to ask or to throw.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

import { repository } from "../lib/model.mjs";

/** Loads sources in a process that imitates Deno with some permissions, and returns the error of each. */
function errorsWith(granted, sources) {
  const script = `
    const state = (name) => (${JSON.stringify(granted)}.includes(name) ? "granted" : "prompt");
    globalThis.Deno = { permissions: { querySync: ({ name }) => ({ state: state(name) }) } };
    const { CamelGPTInference } = await import("@gpt-research/camelgpt-inference");
    const errors = [];
    for (const source of ${JSON.stringify(sources)}) {
      const load = CamelGPTInference.load(...source);
      errors.push(await load.then(() => null, ({ code, message, hint }) => ({ code, message, hint })));
    }
    console.log(JSON.stringify(errors));`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    cwd: repository,
    encoding: "utf8",
    timeout: 60_000,
  });
  assert.ok(stdout, stderr);
  return JSON.parse(stdout);
}

test("without a permission of Deno, the error names its flag", () => {
  const url = "https://models.example/model.gguf";
  const sources = [
    ["camelgpt-mini"],
    ["./model.gguf"],
    [url],
    ["owner/repo/model.gguf"],
    ["./a.gguf", { sidecar: url }],
  ];
  const flags = ["read", "read", "net", "net", "net"];
  for (const worker of [true, false]) {
    const errors = errorsWith(
      ["env", "sys"],
      sources.map(([source, options]) => [source, { ...options, worker }]),
    );
    errors.forEach((error, i) => {
      assert.equal(error?.code, "unsupported-environment", error?.message);
      assert.match(error.message, /^Deno does not allow this program to (read|connect to) /);
      assert.ok(error.hint.startsWith(`Run Deno with --allow-${flags[i]}.`), error.hint);
    });
  }
});

test("the packaged model needs no more than the permission to read", () => {
  assert.deepEqual(errorsWith(["read"], [["camelgpt-mini"], ["camelgpt-mini", { worker: false }]]), [null, null]);
});
