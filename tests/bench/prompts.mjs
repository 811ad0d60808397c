// Makes prompts of an exact length in tokens, as ids and as the text with these ids. Each begins with another token
// than the prompts before it, so that no engine can reuse its cache.

const wordsUsed = 2000; // the first tokens of a vocabulary made by merging are the most frequent

/** @param tokens as in the file, byte-level BPE: "Ġ" (here as its two bytes) is the space before a word */
export function promptMaker(tokens) {
  const space = Buffer.from("Ġ").latin1Slice();
  const words = tokens
    .map((token, id) => ({ id, token }))
    .filter(({ token }) => token.startsWith(space) && /^[a-z]{2,}$/.test(token.slice(space.length)))
    .slice(0, wordsUsed)
    .map(({ id, token }) => ({ id, text: ` ${token.slice(space.length)}` }));
  let count = 0;
  return (length) => {
    const start = count++;
    const prompt = Array.from({ length }, (_, i) => words[(start + i * 1009) % words.length]);
    return { ids: prompt.map(({ id }) => id), text: prompt.map(({ text }) => text).join("") };
  };
}
