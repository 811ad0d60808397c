// The JSON Schema Test Suite (draft 2020-12) through grammars: valid instances are accepted, invalid ones refused, by
// the reference recogniser and by the engine. Schemas that are not supported are those of the table in
// docs/structured-output.md. Runs with the data of CAMELGPT_DATA and CAMELGPT_TEST_FULL=1.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { compileSchema, dataFolder, jsonFiles, textsOf } from "../lib/json-schema.mjs";
import { isFull, repository } from "../lib/model.mjs";
import { tinyModel } from "../lib/tiny-model.mjs";

const folder = dataFolder("json-schema-suite");
const skip = !folder ? "CAMELGPT_DATA has no json-schema-suite" : !isFull && "runs with CAMELGPT_TEST_FULL=1";

const formats = ["date", "time", "date-time", "duration", "uuid", "email", "ipv4", "ipv6", "uri", "uri-reference"];
const optional = ["anchor", "dependencies-compatibility", "ecmascript-regex", "id", "no-schema", "non-bmp-regex"];
optional.push("format-assertion", "refOfUnknownKeyword", "unknownKeyword");
optional.push(
  ...[...formats, "iri-reference", "json-pointer", "relative-json-pointer"].map((name) => `format/${name}`),
);

/** Differences that are intended, by the text of `file: group / test`. */
const intended = [
  /^format: .* is only an annotation by default$/, // formats are checked
  /^optional\/format\/email: .*(quoted string|address-literal)/, // validators do not agree on these
  // Alternatives that match without being chosen evaluate nothing.
  /^unevaluated\w+: .*(two match and has no uneval|valid in case if is evaluated|evaluated by contains$)/,
  /^vocabulary: .*no validation: invalid number/, // the vocabulary of a metaschema is not read
];

/** The groups of all files, with their names. */
function* groups() {
  const root = join(folder, "tests/draft2020-12");
  const files = jsonFiles(root).map(({ name, content }) => [name.replace(".json", ""), content]);
  for (const name of optional)
    files.push([`optional/${name}`, JSON.parse(readFileSync(join(root, "optional", `${name}.json`), "utf8"))]);
  for (const [file, content] of files) for (const group of content) yield { file, ...group };
}

describe("JSON Schema Test Suite", { skip }, () => {
  let model;
  before(async () => {
    model = await CamelGPTInference.load(tinyModel(), { threads: 1 });
  });
  after(() => model.dispose());

  test("valid instances are accepted, and invalid ones refused", async (t) => {
    const wrong = [];
    const unsupported = new Map();
    let count = 0;
    for (const { file, description, schema, tests } of groups()) {
      const { accepts, error } = compileSchema(schema);
      if (error) {
        unsupported.set(file, [...(unsupported.get(file) ?? []), { description, message: error.message }]);
        continue;
      }
      for (const { description: name, data, valid } of tests) {
        const title = `${file}: ${description} / ${name}`;
        if (intended.some((pattern) => pattern.test(title))) continue;
        count++;
        if (accepts(data) !== valid) wrong.push(`${title}: ${JSON.stringify(data)} is ${valid ? "valid" : "invalid"}`);
        if ((await engineAccepts(model, data, schema)) !== valid) wrong.push(`the engine, ${title}`);
      }
    }
    t.diagnostic(`${count} instances`);
    assert.deepEqual(wrong, []);
    assert.ok(count > 1000);
    const table = readFileSync(join(repository, "docs/structured-output.md"), "utf8").replace(/ +\|/g, " |");
    const rows = [...unsupported].map(([file, list]) => `| ${file} | ${list.length} | ${reasonOf(list)} |`);
    for (const row of rows)
      assert.ok(table.includes(row), `docs/structured-output.md has the row\n${row}\nof\n${rows.join("\n")}`);
  });
});

/** The reason of the first, without its place. */
const reasonOf = ([{ message }]) =>
  message.replace(/, at .*|"https?:[^"]*"…? /g, "").replace(/^not with/, "`not` with");

async function engineAccepts(model, instance, schema) {
  try {
    for (const text of textsOf(instance, schema)) {
      const { state } = await model.matchesFormat(text, { type: "json", schema });
      if (state === "complete") return true;
    }
    return false;
  } catch (error) {
    if (/empty language/.test(error.message)) return false;
    throw error;
  }
}
