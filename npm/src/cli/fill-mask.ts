// camelgpt fill-mask: a text with masks → candidates for each mask.
import type { Command } from "./command.js";
import { textArgument } from "./input.js";
import { modelOptions, withModel } from "./model.js";
import { printAnswer, printJson, printLine } from "./output.js";

export const fillMask: Command = {
  summary: "candidates for [MASK]",
  usage: '[--model M] [--text] "text with [MASK]" | - [options]',
  flags: {
    text: { takes: "text", value: "T", help: "The text; - reads standard input." },
    "top-k": { takes: "number", help: "Candidates of each mask (default: 5)." },
    steps: { takes: "number", help: "Steps in which all masks are decided (default: 3)." },
  },
  groups: [modelOptions],

  async run(flags, signal) {
    const text = await textArgument(flags, "text");
    await withModel(flags, signal, async (model) => {
      const filled = await model.fillMask(text, { topK: flags.number("top-k"), steps: flags.number("steps"), signal });
      if (flags.json) {
        printJson(filled);
        return;
      }
      await printAnswer([filled.text]);
      filled.masks.forEach((candidates, i) => {
        const list = candidates.map((each) => `${each.text} ${(100 * each.probability).toFixed(1)} %`).join(", ");
        printLine(`mask ${i + 1}: ${list}`);
      });
    });
  },
};
