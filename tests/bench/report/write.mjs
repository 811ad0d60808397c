// Writes the files of a report: results.json, results.md and plots.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { markdownOf } from "./markdown.mjs";
import { picturesOf } from "./pictures.mjs";
import { tablesOf } from "./summary.mjs";

const pictureOfARun = /^(prefill|decode|roofline)-.*-\d+\.svg$/;

/** Returns the Markdown. Deletes the plots of an earlier run in the same folder. */
export function writeReport(report, folder) {
  const tables = tablesOf(report);
  const markdown = markdownOf(report, tables);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "results.json"), JSON.stringify({ ...report, tables }, null, 2));
  writeFileSync(join(folder, "results.md"), markdown);
  for (const name of readdirSync(folder).filter((each) => pictureOfARun.test(each))) rmSync(join(folder, name));
  for (const [name, svg] of Object.entries(picturesOf(tables))) writeFileSync(join(folder, name), svg);
  return markdown;
}
