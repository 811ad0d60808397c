// camelgpt pull: the name or address of a model → its files in the cache, verified.
import { packagedRelease } from "../../../web/load/releases/known-releases.js";
import { isUrl } from "../../../web/load/place.js";
import { isOnHub } from "../../../web/load/resolve-name.js";
import { nearest } from "../../../web/nearest.js";
import { isCatalogued, type PulledModel, pullModel } from "./pull/pull-model.js";
import { megabytes } from "./pull/units.js";
import { CamelGPTError, excerpt } from "../../../web/errors.js";
import { catalogue } from "../../../web/load/catalogue/catalogue.js";
import { type Command, UsageError } from "./command.js";
import { hubFlags, pullOptions } from "./hub-flags.js";
import { catalogueNames } from "./list.js";
import { printJson, printLine, printNote } from "./output.js";
import { calibratePulled } from "./pull-calibration.js";
import { pullProgress } from "./pull-progress.js";

export const pull: Command = {
  summary: "download a model, or continue an interrupted download",
  usage: "NAME | owner/repo[@revision][:Q4_K_M] | owner/repo/file.gguf | URL [options]",
  flags: {
    ...hubFlags,
    "no-calibrate": {
      takes: "nothing",
      help: "Do not learn what dynamic pruning may leave out of the answers (about 20 s for 135 M parameters).",
    },
  },
  values: catalogueNames,

  async run(flags, signal) {
    const [name, ...more] = flags.positionals;
    if (name === undefined || more.length > 0)
      throw new UsageError("pull wants the name of one model.", "For example camelgpt pull smollm2-135m");
    if (name === packagedRelease) {
      if (flags.json) printJson({ name, files: [], bytes: 0, notes: [] });
      else printLine(`${name} is part of the package: there is nothing to download.`);
      return;
    }
    requireDownloadable(name);
    const pulled = await pullModel(name, {
      ...pullOptions(flags, signal),
      ...(!flags.json && pullProgress(name)),
    });
    if (!flags.json) printPulled(pulled);
    const isWanted = !flags.has("no-calibrate") && flags.text("sha256") === undefined;
    const calibrated = isWanted && (await calibratePulled(name, flags, signal));
    if (flags.json) printJson({ ...jsonOf(pulled), calibrated });
    else printLine(`Use it with --model ${name}`);
  },
};

/** Errors: `unknown-release`. */
function requireDownloadable(name: string): void {
  if (/^https?:/i.test(name) || isCatalogued(name) || (!isUrl(name) && isOnHub(name, true))) return;
  const names = catalogue.filter(({ repository }) => repository).map((entry) => entry.name);
  const near = nearest(name, names);
  throw new CamelGPTError("unknown-release", `There is no model named ${excerpt(name)}.`, {
    expected: `one of ${names.join(", ")}, owner/repo on a hub, or a URL`,
    found: excerpt(name),
    hint: near ? `Did you mean ${near}?` : "camelgpt list shows the names that can be pulled.",
  });
}

function jsonOf({ name, files, notes }: PulledModel) {
  return {
    name,
    files: files.map(({ url, bytes, sha256 = null, isVerified, wasKept }) => ({
      url,
      bytes,
      sha256,
      verified: isVerified,
      kept: wasKept,
    })),
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    notes,
  };
}

function printPulled({ name, files, notes }: PulledModel): void {
  const wasKept = files.every((file) => file.wasKept);
  if (wasKept) for (const note of notes) printNote(note);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const hashes = files.every(({ isVerified }) => isVerified)
    ? `compared with the hash${files.length > 1 ? "es" : ""} of the hub or the catalogue`
    : "not verified: nothing tells the hash that the file should have";
  printLine(`${name}: ${megabytes(bytes)}${wasKept ? ", already on this machine" : `, ${hashes}`}`);
}
