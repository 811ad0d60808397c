// camelgpt show: what the catalogue says about a model, or what the header of its file says.
import { type CatalogueEntry, catalogueEntry } from "../../../web/load/catalogue/catalogue.js";
import { fileUrl, hubNameOf } from "../../../web/load/catalogue/hub-name.js";
import { keptModels } from "./pull/kept-models.js";
import { megabytes } from "./pull/units.js";
import { type Command, UsageError } from "./command.js";
import { hubOf } from "./hub-flags.js";
import { inspect } from "./inspect.js";
import { modelOptions, sourceFlags } from "./model.js";
import { catalogueNames, jsonOfEntry } from "./list.js";
import { printJson, printLine } from "./output.js";

export const show: Command = {
  summary: "what the catalogue says about a model, or the header of any other model",
  usage: "NAME | M [options]",
  flags: {},
  groups: [{ ...modelOptions, flags: sourceFlags }],
  values: catalogueNames,

  async run(flags, signal) {
    const [name] = flags.positionals;
    if (name === undefined) throw new UsageError("The name is missing.", "For example camelgpt show smollm2-135m");
    const entry = catalogueEntry(name);
    if (!entry) return inspect.run(flags, signal);
    const hub = hubOf(flags);
    const models = await keptModels(hub, flags.text("cache-folder"));
    const isHere =
      entry.repository === undefined || models.some((model) => model.isComplete && model.name === entry.name);
    if (flags.json) {
      const { repository = null, file = null, sha256 = null, sampling = null } = entry;
      printJson({ ...jsonOfEntry(entry), hub: repository && hub, repository, file, sha256, sampling, kept: isHere });
    } else linesOf(entry, hub, isHere).forEach(printLine);
  },
};

function linesOf(entry: CatalogueEntry, hub: string, isHere: boolean): string[] {
  const { title, parameters, bytes, licence, use, repository, file, sha256, sampling, verified } = entry;
  const row = (name: string, value: string | undefined | false) => (value ? [`${name.padEnd(12)} ${value}`] : []);
  return [
    ...row("name", entry.name),
    ...row("model", title),
    ...row("use", use),
    ...row("parameters", parameters >= 1e6 ? `${(parameters / 1e6).toFixed(1)} M` : String(parameters)),
    ...row("download", bytes !== undefined && repository !== undefined && megabytes(bytes)),
    ...row("licence", licence),
    ...row("address", repository && fileUrl(hub, hubNameOf(entry), file ?? "")),
    ...row("SHA-256", sha256),
    ...row(
      "sampling",
      sampling &&
        Object.entries(sampling)
          .map(([key, value]) => `${key} ${value}`)
          .join(", "),
    ),
    ...row("verified", !verified && "no: the address has not been compared with the hub; its own hash is used"),
    ...row("here", isHere ? "yes" : `no: camelgpt pull ${entry.name}`),
  ];
}
