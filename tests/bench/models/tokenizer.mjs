// Copies the tokenizer of a real model, truncated or padded to another vocabulary size.
const usual = 1;
const unused = 5;

/**
 * The entries `tokenizer.*` of `metadata` for a vocabulary of this size: its first tokens, then tokens that no text
 * contains.
 */
export function tokenizerFor(metadata, vocabulary) {
  const entries = Object.fromEntries(Object.entries(metadata).filter(([key]) => key.startsWith("tokenizer.")));
  const resize = (key, values) => {
    entries[key] = { ...entries[key], value: values };
  };
  const given = entries["tokenizer.ggml.tokens"].value;
  const kept = given.slice(0, vocabulary);
  const missing = vocabulary - kept.length;
  resize("tokenizer.ggml.tokens", [...kept, ...Array.from({ length: missing }, (_, i) => `<unused${i}>`)]);
  const kinds = entries["tokenizer.ggml.token_type"]?.value ?? given.map(() => usual);
  resize("tokenizer.ggml.token_type", [...kinds.slice(0, vocabulary), ...Array(missing).fill(unused)]);

  const known = new Set(kept);
  resize(
    "tokenizer.ggml.merges",
    entries["tokenizer.ggml.merges"].value.filter((merge) => {
      const [left, right] = merge.split(" ");
      return known.has(left) && known.has(right) && known.has(left + right);
    }),
  );
  return entries;
}
