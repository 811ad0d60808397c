// camelgpt calibrate: a model → its EPDP sidecar, a file next to it.
import { writeFile } from "node:fs/promises";

import type { Command, Flags } from "./command.js";
import { readText } from "./input.js";
import { defaultModel } from "./get-model.js";
import { modelOptions, modelPath, withModel } from "./model.js";
import { printJson, printLine, showProgressLine, showsProgress } from "./output.js";

export const calibrate: Command = {
  summary: "learn what dynamic pruning may leave out, for later loads",
  usage: "[--model] M [--file F] [--out F] [options]",
  flags: {
    file: {
      takes: "text",
      short: "f",
      value: "F",
      help: "UTF-8 text like future prompts and answers; - reads standard input (default: a built-in text).",
    },
    ffn: {
      takes: "number",
      value: "N",
      help: "Share of its neurons that the model was trained to answer with (above 0, at most 1; default: 1).",
    },
    out: {
      takes: "text",
      short: "o",
      value: "F",
      help:
        "Where the sidecar goes (default: beside the model's file, with the ending .epdp; for a download into the " +
        "cache).",
    },
  },
  groups: [modelOptions],

  async run(flags, signal) {
    const named = flags.text("model") ?? flags.positionals[0];
    const path = await modelPath(named ?? defaultModel());
    const out = flags.text("out") ?? path?.replace(/(\.gguf)?$/i, ".epdp");
    const file = flags.text("file");
    const text = file === undefined ? undefined : await readText(file);
    const onProgress = calibrationProgress(flags);
    await withModel(
      flags,
      signal,
      async (loaded) => {
        const { sidecar, costs } = await loaded.calibrate({
          text,
          ffn: flags.number("ffn"),
          keep: out === undefined,
          signal,
          onProgress,
        });
        if (out !== undefined) await writeFile(out, sidecar);
        if (onProgress) showProgressLine();
        if (flags.json) {
          printJson({ sidecar: out ?? null, bytes: sidecar.length, costs });
          return;
        }
        printLine(`${out ?? "kept in the cache"}: ${sidecar.length} bytes`);
        for (const [mode, { headRows, kl, top1 }] of Object.entries(costs ?? {})) {
          const cost = `KL ${kl.toFixed(4)} nats a token, top-1 ${(100 * top1).toFixed(1)} %`;
          printLine(`${mode}: ${headRows} rows of the head, ${cost}`);
        }
      },
      { source: named, epdp: "balanced", sidecar: undefined },
    );
  },
};

/** Returns a function that shows the progress on a terminal. */
export function calibrationProgress(flags: Flags): ((done: number) => void) | undefined {
  if (flags.json || !showsProgress()) return undefined;
  return (done) => showProgressLine(`calibrating dynamic pruning: ${(100 * done).toFixed(0)} %`);
}
