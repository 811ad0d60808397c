// camelgpt verify: checks the signature of a release, and its files against its manifest.
import { CamelGPTInference } from "../entry/node.js";
import { type Command, UsageError } from "./command.js";
import { loadOptions, sourceFlags, trustFlags } from "./model.js";
import { printJson, printLine } from "./output.js";

const { "require-signature": _always, ...flagsOfTrust } = trustFlags;

export const verify: Command = {
  summary: "check the signature of a release, and its files against its manifest",
  usage: "RELEASE [options]",
  flags: { ...flagsOfTrust, header: sourceFlags["header"]! },

  async run(flags, signal) {
    const source = flags.positionals[0];
    if (source === undefined)
      throw new UsageError("The release is missing.", "camelgpt verify FOLDER, or a URL that ends with /");
    const { headers, trustedKeys, expect } = loadOptions(flags, signal);
    const conditions = { requireSignature: true, trustedKeys, expect };
    const found = await CamelGPTInference.verify(source, { headers, signal, ...conditions });
    if (flags.json) {
      printJson(found);
      return;
    }
    const { name, version, license, files, signedBy } = found;
    for (const { path, bytes } of files) printLine(`${path}: ${bytes} bytes, as published`);
    printLine(`${name} ${version} (${license}): signed by ${signedBy}, which is trusted`);
  },
};
