// camelgpt rm: removes models from this machine.
import { CamelGPTError, excerpt } from "../../../web/errors.js";
import { packagedRelease } from "../../../web/load/releases/known-releases.js";
import { nearest } from "../../../web/nearest.js";
import { keptModels, modelsNamed } from "./pull/kept-models.js";
import { megabytes } from "./pull/units.js";
import { type Command, UsageError } from "./command.js";
import { hubFlags, hubOf } from "./hub-flags.js";
import { catalogueNames } from "./list.js";
import { printJson, printLine } from "./output.js";

export const remove: Command = {
  summary: "remove models from this machine",
  usage: "NAME … [options]",
  flags: { hub: hubFlags["hub"]!, "cache-folder": hubFlags["cache-folder"]! },
  values: catalogueNames,

  async run(flags) {
    const names = flags.positionals;
    if (names.length === 0) throw new UsageError("The name is missing.", "camelgpt list shows the names.");
    const models = await keptModels(hubOf(flags), flags.text("cache-folder"));
    const chosen = new Set(
      names.flatMap((name) => {
        const found = modelsNamed(name, models);
        if (found.length > 0) return found;
        throw notHere(
          name,
          models.map((model) => model.name),
        );
      }),
    );
    for (const model of chosen) {
      await model.remove();
      if (!flags.json) printLine(`${model.name}: removed, ${megabytes(model.bytes)}`);
    }
    if (flags.json) printJson({ removed: [...chosen].map(({ name, bytes, places }) => ({ name, bytes, places })) });
  },
};

function notHere(name: string, names: readonly string[]): CamelGPTError {
  if (name === packagedRelease) {
    return new CamelGPTError("not-found", `${name} is part of the package: only npm removes it.`);
  }
  const near = nearest(name, names);
  return new CamelGPTError("not-found", `There is no model ${excerpt(name)} in the cache.`, {
    expected: names.join(", ") || undefined,
    found: excerpt(name),
    hint: near ? `Did you mean ${near}?` : "camelgpt list shows the names.",
  });
}
