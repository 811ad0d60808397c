// Real schemas with valid and invalid instances (MaskBench, from JSONSchemaBench): how many compile, and whether the
// grammars accept the valid instances and refuse the others. Random texts of the grammars are judged by ajv. Runs with
// the data of CAMELGPT_DATA and CAMELGPT_TEST_FULL=1.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";
import Ajv from "ajv";
import addFormats from "ajv-formats";
import Ajv2020 from "ajv/dist/2020.js";

import { sampler } from "../lib/gbnf-sample.mjs";
import { compileSchema, dataFolder, grammars, jsonFiles, textsOf } from "../lib/json-schema.mjs";
import { isFull } from "../lib/model.mjs";
import { startClock } from "../lib/processor-time.mjs";
import { randomNumbers } from "../lib/random.mjs";
import { tinyModel } from "../lib/tiny-model.mjs";

const folder = dataFolder("maskbench");
const skip = !folder ? "CAMELGPT_DATA has no maskbench" : !isFull && "runs with CAMELGPT_TEST_FULL=1";

describe("MaskBench", { skip }, () => {
  let model;
  before(async () => {
    model = await CamelGPTInference.load(tinyModel(), { threads: 1 });
  });
  after(() => model.dispose());

  test("85 % of the schemas compile; all valid and at most 1 % of the invalid instances are accepted", async (t) => {
    const files = jsonFiles(folder);
    let compiled = 0;
    const counts = { valid: 0, invalid: 0 };
    const [refused, accepted, differing] = [[], [], []];
    for (const { name, content } of files) {
      const { accepts, error } = compileSchema(content.schema);
      if (error) continue;
      compiled++;
      for (const [i, { data, valid }] of content.tests.entries()) {
        counts[valid ? "valid" : "invalid"]++;
        const isAccepted = accepts(data);
        if (isAccepted !== valid) (valid ? refused : accepted).push(`${name} ${i}`);
        if ((await engineAccepts(model, data, content.schema)) !== isAccepted) differing.push(`${name} ${i}`);
      }
    }
    t.diagnostic(`${compiled} of ${files.length} compile; ${counts.valid} valid, ${counts.invalid} invalid instances`);
    assert.deepEqual({ refused, differing }, { refused: [], differing: [] });
    assert.ok(compiled >= 0.85 * files.length, `${compiled} of ${files.length}`);
    assert.ok(accepted.length <= 0.01 * counts.invalid, accepted.join("\n"));
  });

  test("schemas become grammars soon", (t) => {
    const times = jsonFiles(folder).map(({ content }) => {
      const clock = startClock();
      compileOnly(content.schema);
      clock.expectBelow(1000);
      return clock.milliseconds();
    });
    times.sort((a, b) => a - b);
    const [median, p99] = [0.5, 0.99].map((part) => times[Math.floor(part * times.length)]);
    t.diagnostic(`median ${median.toFixed(1)} ms, 99th percentile ${p99.toFixed(1)} ms`);
  });

  test("random texts of the grammars are valid by ajv, but for alternatives of oneOf that overlap", (t) => {
    let count = 0;
    const wrong = [];
    for (const { name, content } of jsonFiles(folder)) {
      const isValid = judge(content.schema);
      const { grammar } = compileSchema(content.schema);
      if (!isValid || !grammar) continue;
      const sample = sampler(grammar, randomNumbers(11), { budget: 200 });
      for (let i = 0; i < 6; i++, count++) {
        const text = sample();
        if (isValid(JSON.parse(text))) continue;
        const isKnown = isValid.errors.some(({ keyword, params }) => keyword === "oneOf" && params.passingSchemas);
        if (!isKnown) wrong.push(`${name}: ${JSON.stringify(isValid.errors[0])}: ${text.slice(0, 200)}`);
      }
    }
    t.diagnostic(`${count} texts`);
    assert.deepEqual(wrong, []);
  });
});

function compileOnly(schema) {
  try {
    grammars.schemaGrammar(schema);
  } catch (error) {
    assert.equal(error.code, "bad-schema");
  }
}

/** Undefined: ajv cannot compile the schema. */
function judge({ $schema, ...schema }) {
  const Validator = /2019|2020/.test($schema ?? "") ? Ajv2020.default : Ajv.default;
  try {
    const ajv = new Validator({
      strict: false,
      allErrors: true,
      logger: false,
      multipleOfPrecision: 9,
      formats: { byte: true },
    });
    addFormats.default(ajv, formatNames);
    return ajv.compile(schema);
  } catch {
    return undefined;
  }
}

/** Those of the specification; ajv-formats also knows formats of OpenAPI. */
const formatNames = ["date", "time", "date-time", "duration", "uri", "uri-reference", "email", "hostname"];
formatNames.push("ipv4", "ipv6", "uuid", "json-pointer", "relative-json-pointer");

async function engineAccepts(model, instance, schema) {
  for (const text of textsOf(instance, schema)) {
    const { state } = await model.matchesFormat(text, { type: "json", schema });
    if (state === "complete") return true;
  }
  return false;
}
