// Makes a bilingual byte-level BPE vocabulary of a given size: English-like syllables and words, every Chinese
// character of Unicode's first block, and pairs of these. As in a trained vocabulary, every token but the single bytes
// merges two others.

/** Control tokens of ChatGLM, which no text contains; the first ends a text. */
export const controls = [
  "<|endoftext|>",
  "[gMASK]",
  "[sMASK]",
  "<sop>",
  "<eop>",
  "<|system|>",
  "<|user|>",
  "<|assistant|>",
];

const consonants = [..."bcdfghjklmnpqrstvwxyz"];
const vowels = [..."aeiou"];
const firstHan = 0x4e00;
const lastHan = 0x9fff;

/** `{tokens, merges}` in GPT-2's alphabet; the controls come last. */
export function bilingualVocabulary(size) {
  const alphabet = makeAlphabet();
  const tokens = [...alphabet];
  const merges = [];
  const known = new Set(tokens);
  const merge = (left, right) => {
    const text = left + right;
    if (known.has(text) || tokens.length === size - controls.length) return text;
    known.add(text);
    tokens.push(text);
    merges.push(`${left} ${right}`);
    return text;
  };
  const space = alphabet[0x20];
  const han = characters(alphabet, merge);
  const syllables = consonants.flatMap((consonant) => vowels.map((vowel) => merge(consonant, vowel)));
  const words = syllables.flatMap((first) => syllables.map((second) => merge(first, second)));
  for (const start of [...syllables, ...words]) merge(space, start);
  for (const left of han) {
    for (const right of han.slice(0, 8)) merge(left, right);
  }
  return { tokens: [...tokens, ...controls], merges };
}

/** Each byte as a letter: printable bytes represent themselves. */
function makeAlphabet() {
  let others = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCodePoint(isPrintable ? byte : others++);
  });
}

/** Chinese characters are three bytes: the first two merge first. */
function characters(alphabet, merge) {
  return Array.from({ length: lastHan - firstHan + 1 }, (_, i) => {
    const [first, second, third] = [...Buffer.from(String.fromCodePoint(firstHan + i))].map((byte) => alphabet[byte]);
    return merge(merge(first, second), third);
  });
}
