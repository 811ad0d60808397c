// Parsing of the arguments after `npm start --`.
import assert from "node:assert/strict";
import { test } from "node:test";

import { parseStart } from "../../scripts/start.mjs";

test("without arguments, asks the default model the default question, then serves the demo", () => {
  const { once, port, generateArguments, needsModel } = parseStart([]);
  assert.deepEqual({ once, port, needsModel }, { once: false, port: 8080, needsModel: true });
  assert.deepEqual(generateArguments, ["--model", "smollm2-135m", "--chat", "--prompt", "Which ocean is the largest?"]);
});

test("arguments are passed to generate instead of the default question", () => {
  const { once, generateArguments, needsModel } = parseStart([
    "Write a haiku",
    "--model",
    "a.gguf",
    "--once",
    "--seed=1",
  ]);
  assert.equal(once, true);
  assert.equal(needsModel, false);
  assert.deepEqual(generateArguments, ["--chat", "Write a haiku", "--model", "a.gguf", "--seed=1"]);
});

test("a system message is passed to generate", () => {
  assert.deepEqual(parseStart(["Hello", "--system", "Be brief."]).generateArguments, [
    "--model",
    "smollm2-135m",
    "--chat",
    "Hello",
    "--system",
    "Be brief.",
  ]);
});

test("--raw omits the chat template", () => {
  assert.deepEqual(parseStart(["Once upon", "--raw"]).generateArguments, ["--model", "smollm2-135m", "Once upon"]);
});

test("--port sets the demo's port", () => {
  assert.equal(parseStart(["--port", "81"]).port, 81);
  assert.equal(parseStart(["--port=82"]).port, 82);
  assert.throws(() => parseStart(["--port", "x"]), /number from 0 to 65535/);
  assert.throws(() => parseStart(["--port"]), /number from 0 to 65535/);
});
