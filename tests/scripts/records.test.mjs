// The TypeScript that is made from printed tables of records.
import assert from "node:assert/strict";
import { test } from "node:test";

import { readTables, recordsModule, ruleOf } from "../../scripts/lib/records.mjs";

const field = (name, type, offset, more = {}) => ({ name, type, offset, help: "", default: 0, ...more });
const shape = { type: "Shape", names: ["round", "square"] };
const printed = {
  enums: [{ type: "Colour", names: ["red"] }],
  records: [
    {
      name: "InnerOptions",
      size: 8,
      help: "Inner.",
      fields: [
        field("part", "f32", 0, { default: 0.949999988, min: 0, max: 1, minExcluded: true, help: "A share." }),
        field("most_rows", "u32", 4, { min: 1, max: 2147483647, zeroMeansUnset: true, help: "Rows. Default: all." }),
      ],
    },
    {
      name: "OuterOptions",
      size: 32,
      help: "",
      fields: [
        field("is_open", "bool", 0, { default: false }),
        field("inner", "record", 4, { record: "InnerOptions", inlined: true }),
        field("shape", "enum", 12, { enum: shape, default: "square" }),
        field("pair", "record", 16, { record: "InnerOptions", inlined: false, enum: shape }),
        field("id", "i32", 28, { negativeMeansNone: true }),
      ],
    },
    { name: "Records", size: 40, help: "", fields: [field("outer_options", "record", 8, { record: "OuterOptions" })] },
  ],
};
const tables = readTables(JSON.stringify(printed));
const text = recordsModule(tables);

test("a record becomes an interface that extends the records inlined in it", () => {
  assert.match(text, /export interface OuterOptions extends InnerOptions \{/);
  assert.match(text, /shape: Shape;/);
  assert.match(text, /pair: Record<"round" \| "square", InnerOptions>;/);
  assert.match(text, /id: number \| null;/);
  assert.match(text, /export type Shape = \(typeof shapeNames\)\[number\];/);
  assert.match(text, /export type Colour/);
});

test("a layout has the offsets of inlined fields too", () => {
  assert.match(text, /isOpen: \["bool", 0\],\n {4}part: \["f32", 4\],\n {4}mostRows: \["u32", 8\],/);
  assert.match(text, /shape: \["enum", 12, shapeNames\]/);
  assert.match(text, /pair: \["records", 16, innerOptionsLayout, \["round","square"\]\]/);
  assert.match(text, /id: \["i32\?", 28\]/);
  assert.match(text, /places = \{ outerOptions: 8 \}/);
});

test("defaults are the shortest numbers that are the same float, or words", () => {
  const [part, mostRows] = tables.records[0].fields;
  assert.deepEqual([part.default, part.defaultWords], [0.95, "0.95"]);
  assert.deepEqual([mostRows.help, mostRows.defaultWords], ["Rows.", "all"]);
  assert.match(text, /A share\. Range: above 0, at most 1\.\n {3}\* @default 0\.95/);
});

test("ranges become rules", () => {
  const [part, mostRows] = tables.records[0].fields;
  assert.deepEqual(ruleOf(part), { type: "number", min: 0, max: 1, above: true, range: "above 0, at most 1" });
  assert.equal(ruleOf(mostRows).range, "at least 1");
  assert.deepEqual(ruleOf(tables.records[1].fields[0]), { type: "flag" });
});
