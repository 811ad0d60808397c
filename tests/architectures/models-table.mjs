// Makes the table of docs/models.md from the rows that the parity test has verified.
import { readFileSync, writeFileSync } from "node:fs";
import { Problem } from "../../scripts/lib/run.mjs";

const path = new URL("../../docs/models.md", import.meta.url);
const markers = /(<!-- table: .*-->\n)([\s\S]*?)(<!-- end of table -->)/;

/** Well-known models of each family. */
const examples = {
  llama: "SmolLM2, TinyLlama, Llama 3.2, Mistral, MobileLLM",
  "llama with experts": "Mixtral",
  qwen2: "Qwen2, Qwen2.5",
  qwen3: "Qwen3",
  gemma: "Gemma",
  gemma2: "Gemma 2",
  gemma3: "Gemma 3 270M and 1B",
  phi3: "Phi-3-mini, Phi-3.5-mini",
  gpt2: "GPT-2, DistilGPT-2",
  stablelm: "StableLM 2 1.6B",
  olmo2: "OLMo 2",
  granite: "Granite 3",
  openelm: "OpenELM 270M to 3B",
  minicpm: "MiniCPM",
  chatglm: "GEB-1.3B, ChatGLM3, GLM-4",
  smollm3: "SmolLM3",
  qwen2moe: "Qwen1.5-MoE",
  qwen3moe: "Qwen3-30B-A3B",
  olmoe: "OLMoE",
  lfm2: "LFM2 350M to 2.6B",
  bert: "all-MiniLM, bge-small",
  "nomic-bert": "nomic-embed-text",
};

/** Features that a row may have in any architecture. */
const features = {
  "linear rope scaling": ({ keys }) =>
    "rope.scale_linear" in keys ||
    ("rope.scaling.factor" in keys && !["yarn", "longrope", "none"].includes(keys["rope.scaling.type"])),
  attn_factor: ({ keys }) => "rope.scaling.attn_factor" in keys,
  YaRN: ({ keys }) => keys["rope.scaling.type"] === "yarn",
  LongRoPE: ({ extra }) => "rope_factors_long.weight" in extra,
  "rope factors of Llama 3": ({ extra }) => "rope_freqs.weight" in extra,
  "per-layer arrays": ({ keys, ffn }) => [ffn, keys.feed_forward_length].some(Array.isArray),
};

/** @param verified rows with their `share`: the largest error relative to the largest log-probability */
export function tableOf(verified, version) {
  const families = [...new Set(verified.map(({ family }) => family))];
  const ofTypes = families.map((family) => {
    if (!examples[family]) throw new Problem(`models-table.mjs has no examples of ${family}`);
    const ofFamily = verified.filter((row) => row.family === family);
    const types = [...new Set(ofFamily.map(({ type }) => type))];
    const errors = types.map((type) => largestError(ofFamily.filter((row) => row.type === type)));
    return [family, examples[family], types.join(", "), version, errors.join(", ")];
  });
  const ofFeatures = Object.entries(features).map(([feature, has]) => {
    const withFeature = verified.filter(has);
    return [feature, [...new Set(withFeature.map(({ family }) => family))].join(", "), largestError(withFeature)];
  });
  return [
    aligned([["architecture", "for example", "types run", "verified against", "largest error"], ...ofTypes]),
    aligned([["feature", "run with", "largest error"], ...ofFeatures]),
  ].join("\n");
}

/** A Markdown table of rows of cells, the first of them the head. */
function aligned(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const [head, ...others] = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])));
  const rule = widths.map((width) => "-".repeat(width));
  return [head, rule, ...others].map((row) => `| ${row.join(" | ")} |\n`).join("");
}

const largestError = (rows) => percent(Math.max(...rows.map(({ share }) => share)));
const percent = (share) => `${Number((100 * share).toPrecision(2))} %`;

/** The rows of tableOf as "family type" and "feature family", without what varies between machines and versions. */
export function entriesOf(table) {
  return table
    .trim()
    .split("\n\n")
    .flatMap((part, index) =>
      part
        .split("\n")
        .slice(2)
        .flatMap((line) => {
          const cells = line
            .split("|")
            .slice(1)
            .map((cell) => cell.trim());
          const list = cells[index === 0 ? 2 : 1].split(", ");
          return list.map((item) => `${cells[0]} ${item}`);
        }),
    );
}

export const entryOf = ({ family, type }) => `${family} ${type}`;

export function tableInDocs() {
  return parts()[2];
}

export function writeTable(table) {
  const [whole, start, , end] = parts();
  writeFileSync(
    path,
    readFileSync(path, "utf8").replace(whole, () => `${start}${table}${end}`),
  );
}

function parts() {
  const found = markers.exec(readFileSync(path, "utf8"));
  if (!found) throw new Problem("docs/models.md lacks the comments around its table");
  return found;
}
