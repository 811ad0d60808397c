// camelgpt classify: texts and labels → the label that fits each text best.
import { type Command, UsageError } from "./command.js";
import { linesFlag, textsArgument } from "./input.js";
import { modelOptions, withModel } from "./model.js";
import { printJson, printLine, textsProgress } from "./output.js";

export const classify: Command = {
  summary: "which of some labels fits a text, or each of several",
  usage: '[--model M] --labels a,b,… [--text] "text" … | --lines F | - [options]',
  flags: {
    text: { takes: "text", value: "T", many: true, help: "A text; - reads standard input." },
    lines: linesFlag,
    labels: { takes: "text", value: "a,b", help: "2 to 64 labels, separated by commas." },
    template: {
      takes: "text",
      value: "T",
      help: "Prompt with {text} in it (default: the one of its training, or a general question).",
    },
    "no-prior": {
      takes: "nothing",
      help: "Do not divide each probability by the one for a text without content (models prefer some labels).",
    },
    continue: { takes: "nothing", help: "Continue the prompt, without the model's chat template." },
  },
  groups: [modelOptions],

  async run(flags, signal) {
    const texts = await textsArgument(flags);
    const labels = flags
      .text("labels")
      ?.split(",")
      .map((label) => label.trim());
    if (!labels)
      throw new UsageError(
        "The labels are missing.",
        "Give them with --labels, for example --labels negative,positive.",
      );
    await withModel(flags, signal, async (model) => {
      const options = {
        labels,
        template: flags.text("template"),
        ...(flags.has("no-prior") && { prior: false }),
        ...(flags.has("continue") && { chat: false }),
      };
      const results = await model.classify(texts, { ...options, signal, onProgress: textsProgress() });
      if (flags.json) return printJson(results.length === 1 ? results[0] : { results });
      const percent = (probability: number) => `${(100 * probability).toFixed(1).padStart(5)} %`;
      if (results.length === 1) {
        for (const { probability, text } of results[0]?.candidates ?? []) printLine(`${percent(probability)}  ${text}`);
        return;
      }
      results.forEach(({ label, candidates }, i) => {
        printLine(`${percent(candidates[0]?.probability ?? 0)}  ${label}  ${texts[i]}`);
      });
    });
  },
};
