// camelgpt embed: texts → their embeddings.
import type { Command } from "./command.js";
import { shortestFloat32 } from "./float32.js";
import { linesFlag, textsArgument } from "./input.js";
import { modelOptions, withModel } from "./model.js";
import { printJson, printLine, textsProgress } from "./output.js";
import type { Pooling } from "../entry/node.js";

export const embed: Command = {
  summary: "the vectors of texts",
  usage: '[--model M] --text "text" … | --lines F [options]',
  flags: {
    text: { takes: "text", value: "T", many: true, help: "A text; - reads standard input." },
    lines: linesFlag,
    pooling: {
      takes: "text",
      value: "P",
      values: ["mean", "first", "last"],
      help: "Which hidden states represent a text: mean, first or last (default: the model's).",
    },
    "no-normalize": { takes: "nothing", option: "normalize", help: "Do not scale the vectors to length 1." },
    truncate: { takes: "nothing", help: "Cut texts that are longer than the context." },
  },
  groups: [modelOptions],

  async run(flags, signal) {
    const texts = await textsArgument(flags);
    await withModel(flags, signal, async (model) => {
      const pooling = flags.text("pooling") as Pooling | undefined;
      const vectors = await model.embed(texts, {
        pooling,
        normalize: !flags.has("no-normalize"),
        truncate: flags.has("truncate"),
        signal,
        onProgress: textsProgress(),
      });
      const embeddings = vectors.map((vector) => Array.from(vector, shortestFloat32));
      if (flags.json) printJson({ embeddings });
      else for (const each of embeddings) printLine(each.join(" "));
    });
  },
};
