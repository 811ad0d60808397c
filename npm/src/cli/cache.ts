// camelgpt cache: lists or deletes cached downloads.
import { CamelGPTInference } from "../entry/node.js";
import { type Command, UsageError } from "./command.js";
import { sourceFlags } from "./model.js";
import { printJson, printLine } from "./output.js";

export const cache: Command = {
  summary: "list or remove cached downloads",
  usage: "[--delete URL] [--clear] [--cache-folder F]",
  flags: {
    delete: { takes: "text", value: "URL", many: true, help: "Remove the download of this address." },
    "cache-folder": sourceFlags["cache-folder"]!,
    clear: { takes: "nothing", help: "Remove all downloads." },
  },

  async run(flags) {
    const options = { cacheFolder: flags.text("cache-folder") };
    for (const url of flags.texts("delete")) {
      if (!URL.canParse(url)) throw new UsageError(`${JSON.stringify(url)} is not an address.`);
      await CamelGPTInference.deleteCached(url, options);
    }
    if (flags.has("clear")) await CamelGPTInference.deleteCached(undefined, options);
    const files = await CamelGPTInference.listCached(options);
    if (flags.json) printJson({ files });
    else if (files.length === 0) printLine("nothing is kept");
    for (const { url, bytes } of flags.json ? [] : files)
      printLine(`${(bytes / 1e6).toFixed(1).padStart(8)} MB  ${url}`);
  },
};
