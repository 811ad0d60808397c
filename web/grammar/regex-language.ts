// The language of a regular expression: anchors and look-arounds become concatenation, intersection and complement.
import { complement } from "./code-points.js";
import { type Tree, parsePattern, patternError } from "./regex-parser.js";
import type { Regular, Regulars } from "./regular.js";

/** Matches of a part of a pattern. */
interface Variant {
  readonly language: Regular;
  /** Only at the start of the text, or only at its end. */
  readonly atStart: boolean;
  readonly atEnd: boolean;
}

/** The texts in which the pattern is found, as `RegExp.prototype.test` finds it. */
export function searchLanguage(regulars: Regulars, pattern: string, flags?: string): Regular {
  const lowering = new Lowering(regulars, pattern);
  const variants = lowering.lower(parsePattern(pattern, flags), "anything");
  return regulars.choice(variants.map((variant) => withAnyAround(regulars, variant)));
}

/** A match with any text on each side that has no anchor, in a form with little ambiguity. */
function withAnyAround(regulars: Regulars, { language, atStart, atEnd }: Variant): Regular {
  if (atStart && atEnd) return language;
  if (language.nullable) return regulars.everything;
  const parts: Regular[] = [];
  let rest = language;
  for (; rest.kind === "sequence"; rest = rest.tail) parts.push(rest.head);
  parts.push(rest);
  // x{m,n} beside any text is x{m}.
  const least = (part: Regular) => (part.kind === "repeat" ? regulars.repeat(part.item, part.min, part.min) : part);
  while (!atEnd && (parts.at(-1) as Regular).nullable) parts.pop();
  while (!atStart && (parts[0] as Regular).nullable) parts.shift();
  if (!atEnd) parts.push(least(parts.pop() as Regular));
  if (!atStart) parts.unshift(least(parts.shift() as Regular));
  const [only] = parts;
  if (parts.length === 1 && only?.kind === "set") {
    const others = regulars.repeat(regulars.set(complement(only.set)), 0, Number.POSITIVE_INFINITY);
    if (atStart) return regulars.sequence([only, regulars.everything]);
    return regulars.sequence(atEnd ? [regulars.everything, only] : [others, only, regulars.everything]);
  }
  return regulars.sequence([
    atStart ? regulars.empty : regulars.everything,
    ...parts,
    atEnd ? regulars.empty : regulars.everything,
  ]);
}

/** The texts that the pattern matches from start to end. */
export function fullLanguage(regulars: Regulars, pattern: string, flags?: string): Regular {
  const tree = parsePattern(pattern, flags);
  const items = tree.kind === "sequence" ? tree.items : [tree];
  const anchored: Tree = { kind: "sequence", items: [{ kind: "start" }, ...items, { kind: "end" }] };
  return regulars.choice(new Lowering(regulars, pattern).lower(anchored, "anything").map(({ language }) => language));
}

/** The context of a part of a pattern: before any text, before the end of the text, or before more of the pattern. */
type Following = "anything" | "end" | "more";

class Lowering {
  constructor(
    private readonly regulars: Regulars,
    private readonly pattern: string,
  ) {}

  lower(tree: Tree, following: Following): readonly Variant[] {
    const { regulars } = this;
    switch (tree.kind) {
      case "set":
        return [anywhere(regulars.set(tree.set))];
      case "start":
        return [{ language: regulars.empty, atStart: true, atEnd: false }];
      case "end":
        return [{ language: regulars.empty, atStart: false, atEnd: true }];
      case "choice":
        return this.#merge(tree.items.flatMap((item) => this.lower(item, following)));
      case "sequence":
        return this.#sequence(tree.items, following);
      case "repeat":
        return this.#repeat(tree.item, tree.min, tree.max, following);
      case "look":
        return this.#sequence([tree], following);
    }
  }

  /** At most one variant for each combination of anchors. */
  #merge(variants: readonly Variant[]): readonly Variant[] {
    const groups = new Map<number, Variant[]>();
    for (const variant of variants) {
      if (variant.language.kind === "none") continue;
      const key = (variant.atStart ? 1 : 0) + (variant.atEnd ? 2 : 0);
      const group = groups.get(key);
      if (group) group.push(variant);
      else groups.set(key, [variant]);
    }
    return [...groups.values()].map((group) => ({
      ...(group[0] as Variant),
      language: this.regulars.choice(group.map(({ language }) => language)),
    }));
  }

  #sequence(items: readonly Tree[], following: Following): readonly Variant[] {
    let rest: readonly Variant[] = [anywhere(this.regulars.empty)];
    let inner = following;
    for (let i = items.length - 1; i >= 0; i--) {
      const item = items[i] as Tree;
      if (item.kind === "look" && item.isBehind) {
        const before = this.#afterLook(item, this.#sequence(items.slice(0, i), "more"));
        return this.#concatenate(before, rest);
      }
      rest =
        item.kind === "look"
          ? this.#beforeLook(item, rest, following)
          : this.#concatenate(this.lower(item, inner), rest);
      inner = item.kind === "end" && inner !== "more" ? "end" : "more";
    }
    return rest;
  }

  #concatenate(first: readonly Variant[], second: readonly Variant[]): readonly Variant[] {
    const { regulars } = this;
    const joined: Variant[] = [];
    for (const a of first) {
      for (const b of second) {
        // After the end of the text and before its start only the empty text matches.
        if ((a.atEnd && !b.language.nullable) || (b.atStart && !a.language.nullable)) continue;
        const language = regulars.sequence([
          b.atStart ? regulars.empty : a.language,
          a.atEnd ? regulars.empty : b.language,
        ]);
        joined.push({ language, atStart: a.atStart || b.atStart, atEnd: a.atEnd || b.atEnd });
      }
    }
    return this.#merge(joined);
  }

  #repeat(item: Tree, min: number, max: number, following: Following): readonly Variant[] {
    const { regulars } = this;
    const variants = this.lower(item, max === 1 ? following : "more");
    if (variants.every(({ atStart, atEnd }) => !atStart && !atEnd))
      return [anywhere(regulars.repeat(regulars.choice(variants.map(({ language }) => language)), min, max))];
    if (max > 1) throw patternError(this.pattern, "has an anchor or a lookaround assertion in a repetition.");
    return min === 1 ? variants : this.#merge([...variants, anywhere(regulars.empty)]);
  }

  /** A look-ahead before the rest of its group. */
  #beforeLook(look: Tree & { kind: "look" }, rest: readonly Variant[], following: Following): readonly Variant[] {
    const { regulars } = this;
    const variants = this.lower(look.item, "more");
    if (variants.some(({ atStart }) => atStart)) throw this.#lookError();
    const seen = regulars.choice(
      variants.map(({ language, atEnd }) =>
        regulars.sequence([language, atEnd ? regulars.empty : regulars.everything]),
      ),
    );
    const allowed = look.isNegative ? regulars.not(seen) : seen;
    const reach = Math.max(
      0,
      ...variants.map(({ language, atEnd }) => (atEnd ? Number.POSITIVE_INFINITY : language.maxLength)),
    );
    return this.#merge(
      rest.map((variant) => {
        if (following !== "more" || variant.atEnd) {
          const isWhole = variant.atEnd || following === "end";
          const whole = isWhole ? variant.language : regulars.sequence([variant.language, regulars.everything]);
          return { ...variant, language: regulars.all([whole, allowed]), atEnd: true };
        }
        // Nothing after the group is looked at.
        if (variant.language.minLength < reach) throw this.#lookError();
        return { ...variant, language: regulars.all([variant.language, allowed]) };
      }),
    );
  }

  /** A backward assertion after `before`, which starts its group. */
  #afterLook(look: Tree & { kind: "look" }, before: readonly Variant[]): readonly Variant[] {
    const { regulars } = this;
    const variants = this.lower(look.item, "more");
    if (variants.some(({ atStart, atEnd }) => atStart || atEnd)) throw this.#lookError();
    const seen = regulars.choice(variants.map(({ language }) => regulars.sequence([regulars.everything, language])));
    const allowed = look.isNegative ? regulars.not(seen) : seen;
    const reach = Math.max(0, ...variants.map(({ language }) => language.maxLength));
    return this.#merge(
      before.map((variant) => {
        if (!variant.atStart && variant.language.minLength < reach) throw this.#lookError();
        return { ...variant, language: regulars.all([variant.language, allowed]) };
      }),
    );
  }

  #lookError() {
    return patternError(
      this.pattern,
      "has a lookaround assertion that reaches out of its group.",
      "Assertions are supported at the start, and where what they look at is part of the same group.",
    );
  }
}

const anywhere = (language: Regular): Variant => ({ language, atStart: false, atEnd: false });
