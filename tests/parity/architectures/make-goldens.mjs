// Writes tests/architectures/goldens.json, llama.cpp's results for the small models.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMain, runMain } from "../../../scripts/lib/run.mjs";
import { writeGoldens } from "../../architectures/goldens.mjs";
import { makeModels } from "../../architectures/make-models.mjs";
import { askLlamaCpp } from "./llama-cpp.mjs";

async function makeGoldens() {
  const folder = mkdtempSync(join(tmpdir(), "camelgpt-goldens-"));
  try {
    const rows = makeModels(folder);
    const { version, answers } = await askLlamaCpp(rows);
    writeGoldens({
      version,
      models: Object.fromEntries(rows.map(({ name, hash }, i) => [name, { hash, ...answers[i] }])),
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (isMain(import.meta.url)) await runMain(makeGoldens);
