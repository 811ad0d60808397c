// The text before a gap and the text after it → the prompt of a model that fills the gap ("fill in the middle").
import { CamelGPTError, orAborted } from "../../../web/errors.js";
import type { ModelConnection } from "../model-connection.js";

interface GapTokens {
  prefix: number;
  suffix: number;
  middle: number;
}

/**
 * The written forms by model family, for files whose metadata does not name the tokens: Qwen2.5-Coder, StarCoder 2 and
 * Granite, SantaCoder, DeepSeek-Coder, CodeLlama, CodeGeeX.
 */
const writtenForms = [
  ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"],
  ["<fim_prefix>", "<fim_suffix>", "<fim_middle>"],
  ["<fim-prefix>", "<fim-suffix>", "<fim-middle>"],
  ["<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"],
  ["▁<PRE>", "▁<SUF>", "▁<MID>"],
  ["<PRE>", "<SUF>", "<MID>"],
  ["<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"],
] as const;

/**
 * The tokens of the prompt, in the order prefix, suffix, middle (Bavarian et al. 2022, "Efficient Training of Language
 * Models to Fill in the Middle"). Errors: `unsupported-task` if the model lacks one of the three tokens.
 */
export async function gapPrompt(
  model: ModelConnection,
  before: string | readonly number[],
  after: string,
  { addSpecial = true, parseSpecial = true }: { addSpecial?: boolean; parseSpecial?: boolean },
  signal: AbortSignal,
): Promise<number[]> {
  const { info } = await orAborted(model.loaded(), signal);
  const tokenize = (text: string, continues: boolean) => {
    const literal = parseSpecial || text === "" ? [] : ([[0, text.length]] as const);
    const input = continues ? { text, literal } : text;
    return model.call("tokenize", { text: input, addSpecial: false, parseSpecial }, { signal });
  };
  const { prefix, suffix, middle } = await gapTokens(model, signal);
  const empty = addSpecial ? await model.call("tokenize", { text: "", addSpecial, parseSpecial }, { signal }) : [];
  return [
    ...empty.filter((token) => token === info.bosToken).slice(0, 1),
    prefix,
    ...(typeof before === "string" ? await tokenize(before, false) : before),
    suffix,
    ...(await tokenize(after, true)),
    middle,
  ];
}

async function gapTokens(model: ModelConnection, signal: AbortSignal): Promise<GapTokens> {
  const { gapTokens, info } = await model.loaded();
  const named = gapTokens.map((id) => (id !== undefined && id < info.vocabulary ? id : null));
  for (const forms of named.includes(null) ? writtenForms : []) {
    const found = await Promise.all(
      forms.map(async (text, i) => {
        const tokens = await model.call("tokenize", { text, addSpecial: false, parseSpecial: true }, { signal });
        return named[i] ?? (tokens.length === 1 ? (tokens[0] as number) : null);
      }),
    );
    if (found.includes(null)) continue;
    named.splice(0, 3, ...found);
    break;
  }
  const [prefix, suffix, middle] = named;
  if (typeof prefix === "number" && typeof suffix === "number" && typeof middle === "number") {
    return { prefix, suffix, middle };
  }
  const missing = (["fim_pre", "fim_suf", "fim_mid"] as const).filter((_, i) => typeof named[i] !== "number");
  throw new CamelGPTError("unsupported-task", "This model cannot fill in the middle of a text.", {
    expected: "tokens that mark what surrounds a gap, such as <|fim_prefix|>, <|fim_suffix|> and <|fim_middle|>",
    found: `no ${missing.map((name) => `tokenizer.ggml.${name}_token_id`).join(", ")}, and no token written so`,
    hint: "Leave the option suffix out, or use a model for code such as Qwen2.5-Coder or StarCoder 2.",
  });
}
