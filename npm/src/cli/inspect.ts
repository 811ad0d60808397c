// camelgpt inspect: the header of a model, read without its weights.
import { CamelGPTInference, type Inspection, type MemoryPlan, type SamplingDefaults } from "../entry/node.js";
import { type Command, UsageError } from "./command.js";
import { keptOptions } from "./get-model.js";
import { loadOptions, modelOptions, sourceFlags } from "./model.js";
import { printJson, printLine } from "./output.js";

export const inspect: Command = {
  summary: "the metadata and tensors of a model file, and the memory it takes",
  usage: "M [options]",
  flags: {
    model: {
      takes: "text",
      short: "m",
      value: "M",
      option: "source",
      help: "Name, path, URL, owner/repo or owner/repo/file.gguf; also the first argument.",
    },
  },
  groups: [{ ...modelOptions, flags: sourceFlags }],

  async run(flags, signal) {
    const source = flags.text("model") ?? flags.positionals[0];
    if (source === undefined) throw new UsageError("The model is missing.", "camelgpt inspect path/to/model.gguf");
    const inspection = await CamelGPTInference.inspect(source, {
      ...loadOptions(flags, signal),
      ...(await keptOptions(source, flags, signal)),
    });
    if (flags.json) printJson(inspection);
    else describeModel(inspection).forEach(printLine);
  },
};

function describeModel({ architecture, parameters, tensors, memoryPlan, sampling, metadata }: Inspection): string[] {
  const types = new Map<string, number>();
  for (const { type } of tensors) types.set(String(type), (types.get(String(type)) ?? 0) + 1);
  return [
    `architecture   ${architecture}`,
    `parameters     ${(parameters / 1e6).toFixed(1)} M`,
    `tensors        ${tensors.length} (${[...types].map(([type, count]) => `${count} ${type}`).join(", ")})`,
    "",
    ...planLines(memoryPlan),
    "",
    `chat sampling  ${samplingText(sampling)}`,
    "",
    ...Object.entries(metadata).map(([key, value]) => `${key} = ${shorten(value)}`),
  ];
}

function samplingText(sampling: SamplingDefaults): string {
  const options = Object.entries(sampling).map(([name, value]) => `${name} ${value}`);
  return options.join(", ") || "none: the most probable tokens";
}

function planLines(plan: MemoryPlan): string[] {
  const megabytes = (name: string, bytes: number) => `${name.padEnd(14)} ${(bytes / 1e6).toFixed(1).padStart(8)} MB`;
  return [
    megabytes("file", plan.fileBytes),
    `${megabytes("weights", plan.weightBytes)}${plan.weights === "f16" ? "  (those of F32 as halves)" : ""}`,
    `${megabytes("cache", plan.cacheBytes)}  (${plan.contextLength} of ${plan.modelContextLength} positions)`,
    megabytes("tokenizer", plan.tokenizerBytes),
    megabytes("workspace", plan.workspaceBytes),
    ...(plan.pruneBytes > 0 ? [megabytes("pruning", plan.pruneBytes)] : []),
    megabytes("staging", plan.stagingBytes),
    megabytes("in memory", plan.totalBytes),
  ];
}

function shorten(value: unknown): string {
  if (Array.isArray(value) && value.length > 6) {
    const first = value.slice(0, 3).map((each) => JSON.stringify(each));
    return `[${first.join(", ")}, … ${value.length} in all]`;
  }
  const text = JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
