// camelgpt verify: checks the files of a release against its manifest.
import { CamelGPTInference } from "../entry/node.js";
import { type Command, UsageError } from "./command.js";
import { loadOptions, sourceFlags } from "./model.js";
import { printJson, printLine } from "./output.js";

export const verify: Command = {
  summary: "compare the files of a release with its manifest, and its signature",
  usage: "RELEASE [options]",
  flags: {
    trust: {
      takes: "text",
      value: "KEY",
      many: true,
      help: "Public key of a publisher that you trust, 64 hexadecimal digits.",
    },
    header: sourceFlags["header"]!,
  },

  async run(flags, signal) {
    const source = flags.positionals[0];
    if (source === undefined)
      throw new UsageError("The release is missing.", "camelgpt verify FOLDER, or a URL that ends with /");
    const { headers } = loadOptions(flags, signal);
    const found = await CamelGPTInference.verify(source, { headers, signal, trustedKeys: flags.texts("trust") });
    if (flags.json) {
      printJson(found);
      return;
    }
    const { name, version, license, files, signedBy, note } = found;
    for (const { path, bytes } of files) printLine(`${path}: ${bytes} bytes, as published`);
    printLine(`${name} ${version} (${license}): ${note || `signed by ${signedBy}, which is trusted`}`);
  },
};
