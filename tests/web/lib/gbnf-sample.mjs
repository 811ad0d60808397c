// Writes random texts of a grammar in GBNF.
import { parseRules } from "./gbnf.mjs";

/** Returns a function that returns a random text of the grammar. `random` returns numbers from 0 to below 1. */
export function sampler(grammar, random, { budget = 300 } = {}) {
  const rules = parseRules(grammar);
  const heights = heightsOf(rules);
  const heightOf = (node) => nodeHeight(node, heights);
  const pick = (items) => items[Math.floor(random() * items.length)];
  const write = (node, state) => {
    state.left--;
    switch (node.kind) {
      case "text":
        return new TextDecoder().decode(node.bytes);
      case "set":
        return String.fromCodePoint(pointOf(node, random));
      case "rule":
        return write(rules.get(node.name), state);
      case "sequence":
        return node.items.map((item) => write(item, state)).join("");
      case "choice": {
        const lowest = Math.min(...node.items.map(heightOf));
        const possible = node.items.filter((item) => heightOf(item) < Number.POSITIVE_INFINITY);
        return write(state.left > 0 ? pick(possible) : node.items.find((item) => heightOf(item) === lowest), state);
      }
      default: {
        let text = "";
        const isWanted = (count) => count < node.min || (count < node.max && state.left > 0 && random() < 0.6);
        for (let count = 0; isWanted(count); count++) text += write(node.item, state);
        return text;
      }
    }
  };
  return () => write(rules.get("root"), { left: budget * random() });
}

/** The least depth of a derivation. */
function nodeHeight(node, heights) {
  switch (node.kind) {
    case "rule":
      return heights.get(node.name) ?? Number.POSITIVE_INFINITY;
    case "sequence":
      return Math.max(0, ...node.items.map((item) => nodeHeight(item, heights)));
    case "choice":
      return Math.min(...node.items.map((item) => nodeHeight(item, heights)));
    case "repeat":
      return node.min === 0 ? 0 : nodeHeight(node.item, heights);
    default:
      return 0;
  }
}

function heightsOf(rules) {
  const heights = new Map();
  for (let changed = true; changed; ) {
    changed = false;
    for (const [name, node] of rules) {
      const height = nodeHeight(node, heights) + 1;
      if (height < (heights.get(name) ?? Number.POSITIVE_INFINITY)) {
        heights.set(name, height);
        changed = true;
      }
    }
  }
  return heights;
}

/** A code point of a set: from one of its ranges, with a liking for ASCII. */
function pointOf({ ranges, isNegative }, random) {
  for (let tries = 0; ; tries++) {
    let point;
    if (isNegative) point = Math.floor(random() * (random() < 0.8 ? 0x80 : 0x3000));
    else {
      const [low, high] = ranges[Math.floor(random() * ranges.length)];
      point = low + Math.floor(random() * Math.min(high - low + 1, 500));
    }
    const isInside = ranges.some(([low, high]) => point >= low && point <= high) !== isNegative;
    if ((isInside && (point < 0xd800 || point > 0xdfff)) || tries > 1000) return point;
  }
}
