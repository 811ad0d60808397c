// The tokens of a vocabulary go in, prompts of any exact length come out, as ids and as the text that has just these ids. Each one starts
// with another token than those before it, so that no engine can use what it still holds of an earlier prompt.

const wordsUsed = 2000; // the first and so the most frequent ones of a vocabulary made by merging

/** @param tokens as in the file, byte-level BPE: "Ġ" (here as its two bytes) stands for the space before a word */
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
