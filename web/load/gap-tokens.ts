// The tokens around a gap that a model can fill, as the metadata of its file names them.

/** Ids of the tokens before the text that precedes the gap, the text that follows it, and the text that fills it. */
export type GapTokens = readonly (number | undefined)[];

/** llama.cpp's names, and its former ones. */
const names = [
  ["fim_pre", "prefix"],
  ["fim_suf", "suffix"],
  ["fim_mid", "middle"],
] as const;

export function gapTokens(metadata: Readonly<Record<string, unknown>>): GapTokens {
  return names.map((keys) => {
    const ids = keys.map((key) => metadata[`tokenizer.ggml.${key}_token_id`]);
    return ids.find((id) => typeof id === "number");
  });
}
