// camelgpt list: the models on this machine, and those of the catalogue that can be pulled.
import { type CatalogueEntry, catalogue } from "../../../web/load/catalogue/catalogue.js";
import { type KeptModel, keptModels } from "./pull/kept-models.js";
import { megabytes } from "./pull/units.js";
import type { Command } from "./command.js";
import { hubFlags, hubOf } from "./hub-flags.js";
import { printJson, printLine } from "./output.js";

export const list: Command = {
  summary: "the models on this machine, and those that can be pulled by name",
  usage: "[options]",
  flags: { hub: hubFlags["hub"]!, "cache-folder": hubFlags["cache-folder"]! },

  async run(flags) {
    const models = await keptModels(hubOf(flags), flags.text("cache-folder"));
    const complete = models.filter(({ isComplete }) => isComplete);
    const incomplete = models.filter(({ isComplete }) => !isComplete);
    const available = catalogue.filter(({ name }) => !complete.some((model) => model.name === name));
    const packaged = available.filter(({ repository }) => repository === undefined);
    const missing = available.filter(({ repository }) => repository !== undefined);
    if (flags.json) {
      printJson({
        models: [...packaged.map(jsonOfPackaged), ...complete.map(jsonOf)],
        incomplete: incomplete.map((model) => ({ ...jsonOf(model), total: model.total ?? null })),
        available: missing.map(jsonOfEntry),
      });
      return;
    }
    const width = Math.max(...[...models, ...catalogue].map(({ name }) => name.length));
    const row = (name: string, size: string, text: string) =>
      printLine(`  ${name.padEnd(width)}  ${size.padStart(8)}  ${text}`.trimEnd());
    printLine("On this machine:");
    for (const { name, bytes = 0, use } of packaged) row(name, megabytes(bytes), use);
    for (const { name, bytes, places } of complete) row(name, megabytes(bytes), useOf(name) ?? placeOf(name, places));
    for (const { name, bytes, total } of incomplete) {
      const of = total === undefined ? "" : ` of ${megabytes(total)}`;
      row(name, megabytes(bytes), `incomplete${of}: camelgpt pull ${name} continues`);
    }
    if (missing.length === 0) return;
    printLine("");
    printLine("To pull (camelgpt pull NAME, or owner/repo of a hub):");
    for (const { name, bytes, use } of missing) row(name, bytes === undefined ? "" : megabytes(bytes), use);
  },
};

/** The names of the catalogue, for completions. */
export const catalogueNames = (): string[] => catalogue.map(({ name }) => name);

const useOf = (name: string) => catalogue.find((entry) => entry.name === name)?.use;
const placeOf = (name: string, [place = ""]: readonly string[]) => (place === name ? "" : place);

const jsonOf = ({ name, bytes, places }: KeptModel) => ({ name, bytes, places });
const jsonOfPackaged = ({ name, bytes = 0 }: CatalogueEntry) => ({ name, bytes, places: [] });
export const jsonOfEntry = ({ name, title, parameters, bytes, licence, use, verified }: CatalogueEntry) => ({
  name,
  title,
  parameters,
  bytes: bytes ?? null,
  licence,
  use,
  verified,
});
