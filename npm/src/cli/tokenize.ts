// camelgpt tokenize: a text → its tokens.
import type { Command } from "./command.js";
import { textArgument } from "./input.js";
import { modelOptions, withModel } from "./model.js";
import { printJson, printLine } from "./output.js";

export const tokenize: Command = {
  summary: "the tokens of a text",
  usage: '[--model M] [--text] "text" | - [options]',
  flags: {
    text: { takes: "text", value: "T", help: "The text; - reads standard input." },
    "no-add-special": {
      takes: "nothing",
      option: "addSpecial",
      help: "Do not add the tokens that the model wants around a text.",
    },
    "no-parse-special": {
      takes: "nothing",
      option: "parseSpecial",
      help: "Read special tokens in the text as plain text.",
    },
  },
  groups: [modelOptions],

  async run(flags, signal) {
    const text = await textArgument(flags, "text");
    await withModel(flags, signal, async (model) => {
      const addSpecial = !flags.has("no-add-special");
      const parseSpecial = !flags.has("no-parse-special");
      const tokens = await model.tokenize(text, { addSpecial, parseSpecial, signal });
      const pieces = await model.pieces(tokens, { signal });
      if (flags.json) printJson({ tokens, pieces });
      else tokens.forEach((token, i) => printLine(`${String(token).padStart(7)}  ${JSON.stringify(pieces[i])}`));
    });
  },
};
