// camelgpt classify: a text and labels → the label that fits best.
import { type Command, UsageError } from "./command.js";
import { textArgument } from "./input.js";
import { modelOptions, withModel } from "./model.js";
import { printJson, printLine } from "./output.js";

export const classify: Command = {
  summary: "which of some labels fits a text",
  usage: '[--model M] --labels a,b,… [--text] "text" | - [options]',
  flags: {
    text: { takes: "text", value: "T", help: "The text; - reads standard input." },
    labels: { takes: "text", value: "a,b", help: "2 to 64 labels, separated by commas." },
    template: {
      takes: "text",
      value: "T",
      help: "Prompt with {text} in it (default: the one of its training, or a general question).",
    },
  },
  groups: [modelOptions],

  async run(flags, signal) {
    const text = await textArgument(flags, "text");
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
      const classified = await model.classify(text, { labels, template: flags.text("template"), signal });
      if (flags.json) {
        printJson(classified);
        return;
      }
      for (const { probability, text: label } of classified.candidates)
        printLine(`${(100 * probability).toFixed(1).padStart(5)} %  ${label}`);
    });
  },
};
