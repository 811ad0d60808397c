// Biases by the text of a token → biases by its id.
import type { Engine } from "../engine/engine.js";
import { CamelGPTError, excerpt } from "../errors.js";
import type { GenerateParams, TokenBiases } from "./params.js";
import { tokenizeText } from "./tokenizing.js";

/** Errors: `bad-option` for a text that is not one token, which names its tokens. */
export async function tokenBiases(
  engine: Engine,
  biases: GenerateParams["logitBias"],
  signal: AbortSignal | undefined,
): Promise<TokenBiases> {
  const all: [number, number][] = [];
  for (const [key, bias] of biases) {
    all.push([typeof key === "number" ? key : await tokenOf(engine, key, signal), bias]);
  }
  return all;
}

/** Spaces count, also the first one. */
async function tokenOf(engine: Engine, text: string, signal: AbortSignal | undefined): Promise<number> {
  const tokens = await tokenizeText(engine, signal, text, false, true, true);
  if (tokens.length === 1) return tokens[0] as number;
  const pieces = tokens.slice(0, 8).map((token) => `${token} ${JSON.stringify(engine.piece(token))}`);
  throw new CamelGPTError("bad-option", `The text ${excerpt(text)} in the option logitBias is not one token.`, {
    expected: "texts that are one token each, or token ids",
    found: `${tokens.length} tokens: ${pieces.join(", ")}${tokens.length > pieces.length ? ", …" : ""}`,
    hint: "Give the ids of the tokens to bias. Most words are one token with the space before them.",
  });
}
