// The accuracy of CamelGPT-mini's labels on its evaluation sets, as computed by the package.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { CamelGPTInference } from "../../npm/dist/node.js";
import { evaluationData } from "./lib.mjs";

const topics = ["world", "sports", "business", "technology"];
const entities = { lt: "<", gt: ">", amp: "&", quot: '"', nbsp: " " };

/** [text, label] of SST-2. */
function reviews(content) {
  return content
    .trim()
    .split("\n")
    .map((line) => {
      const [text, label] = line.split("\t");
      return [text, ["negative", "positive"][Number(label)]];
    });
}

/** [text, label] of AG News, cleaned as for the training: HTML escapes, also without their ampersand, and tags. */
function news(content) {
  const rows = [...content.matchAll(/^"(\d)","((?:[^"]|"")*)","((?:[^"]|"")*)"$/gm)];
  return rows.map(([, topic, title, text]) => [
    clean(`${title.trim()} ${text.trim()}`.replaceAll('""', '"')),
    topics[Number(topic) - 1],
  ]);
}

function clean(text) {
  return text
    .replace(/&(\w+);/g, (whole, name) => entities[name] ?? whole)
    .replace(/&#(\d+);| ?#(\d+);/g, (_, whole, cut) => String.fromCodePoint(Number(whole ?? cut)))
    .replace(/<\/?(b|i|br|p|em|strong|a)\b[^>]*>/gi, " ")
    .replaceAll("\\", " ")
    .replace(/\s+/g, " ")
    .trim();
}

for (const [name, file, read, labels, minimum] of [
  ["sentiment", "sst2/dev.tsv", reviews, ["negative", "positive"], 77],
  ["topic", "ag-news/dev.csv", news, topics, 84],
]) {
  const { path, skip } = evaluationData(file);
  test(`${name} on unseen texts`, { skip }, async (t) => {
    const texts = read(readFileSync(path, "utf8"));
    for (const epdp of ["balanced", "off"]) {
      const model = await CamelGPTInference.load("camelgpt-mini", { epdp });
      let right = 0;
      for (const [text, label] of texts) right += (await model.classify(text, { labels })).label === label ? 1 : 0;
      await model.dispose();
      const share = (100 * right) / texts.length;
      t.diagnostic(`${name}, ${epdp}: ${share.toFixed(2)} % of ${texts.length}`);
      assert.ok(share >= minimum, `${share} %`);
    }
  });
}
