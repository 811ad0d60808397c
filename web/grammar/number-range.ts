// Numbers between bounds and multiples of a step as regular languages over their decimal text.
import { type Automaton, automatonOf, explore, minimised, product, withLengthBetween } from "./automaton.js";
import { type CodePoints, intersection } from "./code-points.js";
import type { Bound } from "./facts.js";
import type { Regular, Regulars } from "./regular.js";

/** Bounds and kind of a number. Without `fractions` it is an integer; without `integers` it is not. */
export interface NumberFacts {
  readonly minimum: Bound | undefined;
  readonly maximum: Bound | undefined;
  readonly integers: boolean;
  readonly fractions: boolean;
  /** Without a limit of digits, which multiplies the states of an automaton. */
  readonly isUncounted?: boolean;
}

/** Digits before and after the point, so that no model writes them without an end. */
const maxDigits = 21;
const maxFraction = 25;

/** A number from 0, of which `digits` has no leading zeros and `fraction` no trailing ones. */
interface Decimal {
  readonly digits: string;
  readonly fraction: string;
}

/** The decimal text of a magnitude, without an exponent. */
function decimalOf(value: number): Decimal {
  const [mantissa = "", exponent = "0"] = Math.abs(value).toString().split("e");
  const [whole = "", part = ""] = mantissa.split(".");
  const shift = Number(exponent);
  const all = whole + part;
  const point = whole.length + shift;
  const digits = point <= 0 ? "0" : all.slice(0, point).padEnd(point, "0");
  const fraction = point <= 0 ? "0".repeat(-point) + all : all.slice(point);
  return { digits: digits.replace(/^0+(?=\d)/, ""), fraction: fraction.replace(/0+$/, "") };
}

export class NumberLanguages {
  readonly #digit: Regular;
  readonly #point: Regular;
  #maxDigits = maxDigits;
  #maxFraction = maxFraction;

  constructor(private readonly regulars: Regulars) {
    this.#digit = this.#between("0", "9");
    this.#point = regulars.text(".");
  }

  #between(first: string, last: string): Regular {
    if (first > last) return this.regulars.none;
    return this.regulars.set([first.charCodeAt(0), last.charCodeAt(0)]);
  }

  #digits(min: number, max = min): Regular {
    return this.regulars.repeat(this.#digit, min, max);
  }

  /** All numbers within the bounds, without exponents. */
  within({ minimum, maximum, integers, fractions, isUncounted }: NumberFacts): Regular {
    const { regulars } = this;
    this.#maxDigits = isUncounted ? Number.POSITIVE_INFINITY : maxDigits;
    this.#maxFraction = isUncounted ? Number.POSITIVE_INFINITY : maxFraction;
    const kinds = { integers, fractions };
    const alternatives: Regular[] = [];
    if (!maximum || maximum.value > 0 || (maximum.value === 0 && !maximum.isExclusive)) {
      const low = minimum && minimum.value >= 0 ? minimum : undefined;
      alternatives.push(this.#magnitudes(low, maximum, kinds));
    }
    if (!minimum || minimum.value < 0) {
      const low = maximum && maximum.value <= 0 ? maximum : { value: 0, isExclusive: true };
      alternatives.push(regulars.sequence([regulars.text("-"), this.#magnitudes(low, minimum, kinds)]));
    }
    return regulars.choice(alternatives);
  }

  /** Numbers without a sign, between the magnitudes of two bounds. */
  #magnitudes(
    low: Bound | undefined,
    high: Bound | undefined,
    kinds: { integers: boolean; fractions: boolean },
  ): Regular {
    const from = decimalOf(low?.value ?? 0);
    const isLowOpen = low?.isExclusive ?? false;
    const lowest = this.#fractions(from.fraction, isLowOpen, undefined, false, kinds);
    const aboveLow = increment(from.digits);
    if (!high) {
      return this.regulars.choice([
        this.regulars.sequence([this.regulars.text(from.digits), lowest]),
        this.regulars.sequence([this.#integersFrom(aboveLow), this.#anyFraction(kinds)]),
      ]);
    }
    const to = decimalOf(high.value);
    if (compareDigits(from.digits, to.digits) > 0) return this.regulars.none;
    if (from.digits === to.digits) {
      const both = this.#fractions(from.fraction, isLowOpen, to.fraction, high.isExclusive, kinds);
      return this.regulars.sequence([this.regulars.text(to.digits), both]);
    }
    const highest = this.#fractions("", false, to.fraction, high.isExclusive, kinds);
    const belowHigh = decrement(to.digits);
    const middle =
      compareDigits(aboveLow, belowHigh) > 0 ? this.regulars.none : this.#integersBetween(aboveLow, belowHigh);
    return this.regulars.choice([
      this.regulars.sequence([this.regulars.text(from.digits), lowest]),
      this.regulars.sequence([middle, this.#anyFraction(kinds)]),
      this.regulars.sequence([this.regulars.text(to.digits), highest]),
    ]);
  }

  // ---------------------------------------------------------------------------------------------------------- integers

  #integersFrom(low: string): Regular {
    const { regulars } = this;
    const longest = Math.max(this.#maxDigits, low.length + 1);
    const longer = regulars.sequence([this.#between("1", "9"), this.#digits(low.length, longest - 1)]);
    return regulars.choice([this.#sameLength(low, "9".repeat(low.length)), longer]);
  }

  #integersBetween(low: string, high: string): Regular {
    const { regulars } = this;
    if (low.length === high.length) return this.#sameLength(low, high);
    const middle = regulars.sequence([this.#between("1", "9"), this.#digits(low.length, high.length - 2)]);
    return regulars.choice([
      this.#sameLength(low, "9".repeat(low.length)),
      high.length - low.length > 1 ? middle : regulars.none,
      this.#sameLength(`1${"0".repeat(high.length - 1)}`, high),
    ]);
  }

  /** Texts of digits from `low` to `high`, all of the same length. */
  #sameLength(low: string, high: string): Regular {
    const { regulars } = this;
    const length = low.length;
    if (length === 0) return regulars.empty;
    if (/^0*$/.test(low) && /^9*$/.test(high)) return this.#digits(length);
    const [first, last] = [low[0] as string, high[0] as string];
    if (first === last) return regulars.sequence([regulars.text(first), this.#sameLength(low.slice(1), high.slice(1))]);
    const rest = length - 1;
    const isLowFull = /^0*$/.test(low.slice(1));
    const isHighFull = /^9*$/.test(high.slice(1));
    const full = this.#between(isLowFull ? first : next(first), isHighFull ? last : previous(last));
    return regulars.choice([
      isLowFull
        ? regulars.none
        : regulars.sequence([regulars.text(first), this.#sameLength(low.slice(1), "9".repeat(rest))]),
      regulars.sequence([full, this.#digits(rest)]),
      isHighFull
        ? regulars.none
        : regulars.sequence([regulars.text(last), this.#sameLength("0".repeat(rest), high.slice(1))]),
    ]);
  }

  // --------------------------------------------------------------------------------------------------------- fractions

  /** Nothing, or a point and digits. A fraction of zeros counts as none, and an integer has no point at all. */
  #anyFraction({ integers, fractions }: { integers: boolean; fractions: boolean }): Regular {
    const { regulars } = this;
    if (!fractions) return regulars.empty;
    const digits = regulars.sequence([this.#point, integers ? this.#digits(1, this.#maxFraction) : this.#notZero()]);
    return integers ? regulars.choice([regulars.empty, digits]) : digits;
  }

  /** Digits of which one is not zero. */
  #notZero(): Regular {
    const zeros = this.regulars.repeat(this.regulars.text("0"), 0, this.#maxFraction - 1);
    return this.regulars.sequence([zeros, this.#between("1", "9"), this.#digits(0, this.#maxFraction)]);
  }

  /** The rest of a number after its integer digits, from one fraction to another; undefined: no upper bound. */
  #fractions(
    low: string,
    isLowOpen: boolean,
    high: string | undefined,
    isHighOpen: boolean,
    kinds: { integers: boolean; fractions: boolean },
  ): Regular {
    const { regulars } = this;
    const isZeroAllowed = low === "" && !isLowOpen && !(high === "" && isHighOpen);
    if (!kinds.fractions) return isZeroAllowed ? regulars.empty : regulars.none;
    const parts: Regular[] = [];
    if (low !== "" || isLowOpen) parts.push(this.#fractionFrom(low, isLowOpen));
    if (high !== undefined) parts.push(this.#fractionTo(high, isHighOpen));
    if (!kinds.integers) parts.push(this.#notZero());
    const digits = parts.length === 0 ? this.#digits(1, this.#maxFraction) : regulars.all(parts);
    const withPoint = regulars.sequence([this.#point, digits]);
    return isZeroAllowed && kinds.integers ? regulars.choice([regulars.empty, withPoint]) : withPoint;
  }

  #fractionFrom(low: string, isOpen: boolean): Regular {
    const { regulars } = this;
    const more = Math.max(this.#maxFraction - low.length, 5);
    const alternatives = [...low].map((digit, i) =>
      regulars.sequence([
        regulars.text(low.slice(0, i)),
        this.#between(next(digit), "9"),
        this.#digits(0, this.#maxFraction),
      ]),
    );
    const after = isOpen
      ? regulars.sequence([
          regulars.repeat(regulars.text("0"), 0, more),
          this.#between("1", "9"),
          this.#digits(0, more),
        ])
      : this.#digits(0, more);
    return regulars.choice([...alternatives, regulars.sequence([regulars.text(low), after])]);
  }

  #fractionTo(high: string, isOpen: boolean): Regular {
    const { regulars } = this;
    const zeros = regulars.repeat(regulars.text("0"), 0, this.#maxFraction);
    const alternatives = [...high].flatMap((digit, i) => [
      regulars.sequence([
        regulars.text(high.slice(0, i)),
        this.#between("0", previous(digit)),
        this.#digits(0, this.#maxFraction),
      ]),
      i > 0 ? regulars.text(high.slice(0, i)) : regulars.none,
    ]);
    if (!isOpen)
      alternatives.push(
        regulars.sequence([
          regulars.text(high),
          high === "" ? regulars.repeat(regulars.text("0"), 1, this.#maxFraction) : zeros,
        ]),
      );
    return regulars.choice(alternatives);
  }

  // --------------------------------------------------------------------------------------------------------- multiples

  /** The decimal texts in `language` that are multiples of all steps. Undefined: a step is too large or too fine. */
  multiples(language: Regular, steps: readonly number[]): Automaton | undefined {
    let result = automatonOf(this.regulars, language);
    for (const step of steps) {
      const { digits, fraction } = decimalOf(step);
      const scaled = Number(digits + fraction);
      if (scaled > maxStep || fraction.length > 15) return undefined;
      result = minimised(product(result, minimised(multiplesOf(scaled, fraction.length)), intersection));
    }
    // More digits than a double holds would not be multiples any more when they are read.
    if (result.length * (maxExactLength + 2) <= maxMultipleStates)
      result = minimised(withLengthBetween(this.regulars, result, 0, maxExactLength));
    return result.length <= maxMultipleStates ? result : undefined;
  }
}

const maxMultipleStates = 800;
const maxExactLength = 15;
const maxStep = 2000;
const pointSet: CodePoints = [0x2e, 0x2e];
const minusSet: CodePoints = [0x2d, 0x2d];

/** Decimal texts whose value times 10^`scale` is a multiple of `step`. */
function multiplesOf(step: number, scale: number): Automaton {
  interface At {
    /** Of the digits so far. */
    readonly remainder: number;
    /** Digits after the point; -1 before it. */
    readonly places: number;
  }
  const digitEdges = ({ remainder, places }: At) =>
    Array.from({ length: 10 }, (_, digit) => {
      if (places === scale && digit > 0) return [];
      const target = places === scale ? { remainder, places } : at(remainder, digit, places);
      return [{ set: [0x30 + digit, 0x30 + digit], target }];
    }).flat();
  const at = (remainder: number, digit: number, places: number): At => ({
    remainder: (remainder * 10 + digit) % step,
    places: places < 0 ? places : places + 1,
  });
  const missing = ({ remainder, places }: At) => {
    let rest = remainder;
    for (let i = Math.max(places, 0); i < scale; i++) rest = (rest * 10) % step;
    return rest;
  };
  return explore<At>(
    { remainder: 0, places: -1 },
    ({ remainder, places }) => (places + 1) * step + remainder,
    (state) => ({
      isAccepting: missing(state) === 0,
      edges: [
        ...digitEdges(state),
        ...(state.places < 0
          ? [
              { set: pointSet, target: { remainder: state.remainder, places: 0 } },
              { set: minusSet, target: state },
            ]
          : []),
      ],
    }),
    () => true,
    100_000,
  );
}

// -------------------------------------------------------------------------------------------------------------- digits

const next = (digit: string) => String.fromCharCode(digit.charCodeAt(0) + 1);
const previous = (digit: string) => String.fromCharCode(digit.charCodeAt(0) - 1);
const increment = (digits: string) => (BigInt(digits) + 1n).toString();
const decrement = (digits: string) => (BigInt(digits) - 1n).toString();
const compareDigits = (a: string, b: string) => a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
