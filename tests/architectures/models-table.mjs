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

/** @param verified rows with their `share`: the largest error relative to the largest log-probability */
export function tableOf(verified, version) {
  const families = [...new Set(verified.map(({ family }) => family))];
  const lines = families.map((family) => {
    if (!examples[family]) throw new Problem(`models-table.mjs has no examples of ${family}`);
    const ofFamily = verified.filter((row) => row.family === family);
    const types = [...new Set(ofFamily.map(({ type }) => type))];
    const errors = types.map((type) =>
      percent(Math.max(...ofFamily.filter((row) => row.type === type).map(({ share }) => share))),
    );
    return line([family, examples[family], types.join(", "), version, errors.join(", ")]);
  });
  const head = line(["architecture", "for example", "types run", "verified against", "largest error"]);
  return [head, "|---|---|---|---|---|\n", ...lines].join("");
}

const line = (cells) => `| ${cells.join(" | ")} |\n`;
const percent = (share) => `${Number((100 * share).toPrecision(2))} %`;

/** The rows of a table as "family type", without the columns that vary between machines and versions. */
export function entriesOf(table) {
  return table
    .trim()
    .split("\n")
    .slice(2)
    .flatMap((line) => {
      const [family, , types] = line
        .split("|")
        .slice(1)
        .map((cell) => cell.trim());
      return types.split(", ").map((type) => entryOf({ family, type }));
    });
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
