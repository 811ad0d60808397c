// camelgpt score: a text file → its perplexity.
import { type Command, UsageError } from "./command.js";
import { readText } from "./input.js";
import { modelOptions, withModel } from "./model.js";
import { printJson, printLine } from "./output.js";

export const score: Command = {
  summary: "perplexity of a text file",
  usage: "[--model M] --file F [options]",
  flags: {
    file: { takes: "text", short: "f", value: "F", help: "UTF-8 text; - reads standard input." },
    "max-tokens": { takes: "number", short: "n", help: "Use no more than N tokens of the text." },
    logprobs: { takes: "nothing", help: "With --json: the log-probability of each scored token." },
    against: {
      takes: "text",
      value: "dense",
      values: ["dense"],
      help: "Also compare with the dense model: what dynamic pruning costs on this text.",
    },
    context: {
      takes: "number",
      short: "c",
      option: "contextLength",
      help: "Tokens of a window (default: the model's context, at most 4096).",
    },
  },
  groups: [modelOptions],

  async run(flags, signal) {
    const path = flags.text("file") ?? flags.positionals[0];
    if (path === undefined) throw new UsageError("The file is missing.", "Give it with --file.");
    const text = await readText(path);
    await withModel(flags, signal, async (model) => {
      const options = {
        signal,
        maxTokens: flags.number("max-tokens"),
        logprobs: flags.has("logprobs"),
        against: flags.text("against") as "dense" | undefined,
      };
      const result = await model.score(text, options);
      if (flags.json) {
        printJson(result);
        return;
      }
      const { perplexity, nll, tokens, bytes, kl, top1, perplexityRatio } = result;
      const counted =
        bytes === undefined ? `nats, ${tokens} tokens` : `nats a byte, ${tokens} chunks of ${bytes} bytes`;
      printLine(`perplexity ${perplexity.toFixed(4)} (nll ${nll.toFixed(5)} ${counted})`);
      if (kl === undefined || top1 === undefined || perplexityRatio === undefined) return;
      const agreement = `KL ${kl.toFixed(5)} nats a token, top-1 ${(100 * top1).toFixed(2)} %`;
      const cost = `${agreement}, perplexity × ${perplexityRatio.toFixed(5)}`;
      printLine(`against the dense model: ${cost}`);
    });
  },
};
