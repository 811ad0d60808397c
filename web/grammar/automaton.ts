// Deterministic automata over code points: from expressions, products of two, and as rules of a grammar.
import { type CodePoints, contains, toCodePoints } from "./code-points.js";
import { type Expression, choice, emptyText, manyOf, newRule, nothing, reference, sequence } from "./gbnf.js";
import { type Regular, type Regulars, TooComplex, classesOf, maxStates, partition } from "./regular.js";

export interface Edge {
  /** Code points of this edge, which no other edge of the state has. */
  readonly set: CodePoints;
  readonly target: number;
}

export interface State {
  readonly isAccepting: boolean;
  readonly edges: readonly Edge[];
}

/** State 0 is the start. From every state an accepting one can be reached; without states nothing matches. */
export type Automaton = readonly State[];

export function automatonOf(regulars: Regulars, expression: Regular): Automaton {
  const classes = classesOf(expression);
  const automaton = explore(
    expression,
    ({ id }) => id,
    (from) => {
      regulars.spend(classes.length);
      return {
        isAccepting: from.nullable,
        edges: classes.map((set) => ({ set, target: regulars.derive(from, set[0] as number) })),
      };
    },
    (to) => to.kind !== "none",
    regulars.remainingStates,
  );
  regulars.remainingStates -= automaton.length;
  return automaton;
}

/** The texts that both automata accept. */
export function product(a: Automaton, b: Automaton, overlap: (a: CodePoints, b: CodePoints) => CodePoints): Automaton {
  if (a.length === 0 || b.length === 0) return [];
  return explore(
    { left: 0, right: 0 },
    ({ left, right }) => left * b.length + right,
    ({ left, right }) => {
      const [from, other] = [a[left] as State, b[right] as State];
      const edges = from.edges.flatMap((edge) =>
        other.edges.map((second) => ({
          set: overlap(edge.set, second.set),
          target: { left: edge.target, right: second.target },
        })),
      );
      return { isAccepting: from.isAccepting && other.isAccepting, edges: edges.filter(({ set }) => set.length > 0) };
    },
    () => true,
    maxStates,
  );
}

/** The texts of an automaton that have `min` to `max` code points. */
export function withLengthBetween(regulars: Regulars, automaton: Automaton, min: number, max: number): Automaton {
  if (automaton.length === 0) return [];
  // From the lower bound on, the length matters only if there is an upper one.
  const last = max === Number.POSITIVE_INFINITY ? min : max;
  const step = (length: number) => (length === last && max === Number.POSITIVE_INFINITY ? length : length + 1);
  const result = explore(
    { place: 0, length: 0 },
    ({ place, length }) => place * (last + 2) + length,
    ({ place, length }) => {
      const { isAccepting, edges } = automaton[place] as State;
      const next = step(length);
      return {
        isAccepting: isAccepting && length >= min,
        edges: next > max ? [] : edges.map(({ set, target }) => ({ set, target: { place: target, length: next } })),
      };
    },
    () => true,
    regulars.remainingStates,
  );
  regulars.remainingStates -= result.length;
  return result;
}

/** Numbers the states that can be reached, and leaves out those that lead to no accepting one. */
export function explore<T>(
  start: T,
  keyOf: (state: T) => number | string,
  expand: (state: T) => { isAccepting: boolean; edges: readonly { set: CodePoints; target: T }[] },
  isAlive: (state: T) => boolean,
  limit: number,
): Automaton {
  const numbers = new Map<number | string, number>([[keyOf(start), 0]]);
  const found: T[] = [start];
  const states: State[] = [];
  for (let next = 0; next < found.length; next++) {
    const { isAccepting, edges } = expand(found[next] as T);
    const sets = new Map<number, CodePoints[]>();
    for (const { set, target } of edges) {
      if (!isAlive(target)) continue;
      const key = keyOf(target);
      let number = numbers.get(key);
      if (number === undefined) {
        number = found.length;
        if (number >= limit) throw new TooComplex();
        numbers.set(key, number);
        found.push(target);
      }
      const joined = sets.get(number);
      if (joined) joined.push(set);
      else sets.set(number, [set]);
    }
    states.push({ isAccepting, edges: [...sets].map(([target, list]) => ({ set: unionOf(list), target })) });
  }
  return withoutDeadStates(states);
}

const unionOf = (sets: readonly CodePoints[]): CodePoints =>
  sets.length === 1 ? (sets[0] as CodePoints) : toCodePoints(sets.flat());

function withoutDeadStates(states: readonly State[]): Automaton {
  const sources: number[][] = states.map(() => []);
  states.forEach(({ edges }, from) => {
    for (const { target } of edges) (sources[target] as number[]).push(from);
  });
  const alive = new Set(states.flatMap(({ isAccepting }, number) => (isAccepting ? [number] : [])));
  for (const number of alive) for (const from of sources[number] as number[]) alive.add(from);
  if (!alive.has(0)) return [];
  const renumbered = new Map([...alive].sort((a, b) => a - b).map((number, i) => [number, i]));
  return [...renumbered.keys()].map((number) => {
    const { isAccepting, edges } = states[number] as State;
    const kept = edges.flatMap(({ set, target }) => {
      const other = renumbered.get(target);
      return other === undefined ? [] : [{ set, target: other }];
    });
    return { isAccepting, edges: kept };
  });
}

/** Work that minimising may cost: iterations times states times classes; and the largest automaton. */
const maxRefining = 1_000_000;
const maxMinimised = 600;

/** Joins the states after which the same texts follow (Moore 1956); large automata stay unchanged. */
export function minimised(automaton: Automaton): Automaton {
  if (automaton.length > maxMinimised) return automaton;
  const classes = partition(automaton.flatMap(({ edges }) => edges.map(({ set }) => set)));
  const targets = automaton.map(({ edges }) =>
    classes.map(([point]) => edges.find(({ set }) => contains(set, point as number))?.target),
  );
  let groups: number[] = automaton.map(({ isAccepting }) => (isAccepting ? 1 : 0));
  let count = new Set(groups).size;
  for (let work = 0; work < maxRefining; work += automaton.length * classes.length) {
    const numbers = new Map<string, number>();
    groups = targets.map((row, number) => {
      const key = `${groups[number]} ${row.map((target) => (target === undefined ? "" : groups[target])).join()}`;
      let group = numbers.get(key);
      if (group === undefined) numbers.set(key, (group = numbers.size));
      return group;
    });
    if (numbers.size === count) return merged(automaton, groups);
    count = numbers.size;
  }
  return automaton;
}

function merged(automaton: Automaton, groups: readonly number[]): Automaton {
  const states: State[] = [];
  automaton.forEach(({ isAccepting, edges }, number) => {
    const group = groups[number] as number;
    if (states[group]) return;
    const sets = new Map<number, number[]>();
    for (const { set, target } of edges) {
      const other = groups[target] as number;
      sets.set(other, [...(sets.get(other) ?? []), ...set]);
    }
    states[group] = { isAccepting, edges: [...sets].map(([target, set]) => ({ set: toCodePoints(set), target })) };
  });
  return states;
}

/** Expressions deeper than this continue in a rule of their own. */
const maxInlined = 40;

/** The automaton as an expression of a grammar; `oneOf` writes one code point of a set. */
export function automatonExpression(
  given: Automaton,
  oneOf: (set: CodePoints) => Expression,
  hint: string,
): Expression {
  if (given.length === 0) return nothing;
  const automaton = minimised(given);
  const counts = automaton.map(() => 0);
  automaton.forEach(({ edges }, from) => {
    for (const { target } of edges) if (target !== from) counts[target] = (counts[target] as number) + 1;
  });
  const depths = depthsOf(automaton);
  const isRule = (number: number) =>
    (counts[number] as number) + (number === 0 ? 1 : 0) > 1 ||
    (depths[number] as number) % maxInlined === maxInlined - 1;
  const isTrivial = (number: number) =>
    automaton[number]?.isAccepting === true && automaton[number]?.edges.length === 0;
  const rules = automaton.map(() => newRule(hint));
  const bodyOf = (number: number): Expression => {
    const { isAccepting, edges } = automaton[number] as State;
    const loop = edges.find(({ target }) => target === number);
    const exits = edges
      .filter((edge) => edge !== loop)
      .map(({ set, target }) => sequence(oneOf(set), isTrivial(target) ? emptyText : after(target)));
    const rest = choice(isAccepting ? [...exits, emptyText] : exits);
    return loop ? sequence(manyOf(oneOf(loop.set)), rest) : rest;
  };
  const after = (number: number): Expression =>
    isRule(number) ? reference(rules[number] as (typeof rules)[number]) : bodyOf(number);
  automaton.forEach((_, number) => {
    if (isRule(number) && !(isTrivial(number) && number !== 0))
      (rules[number] as (typeof rules)[number]).body = bodyOf(number);
  });
  return after(0);
}

/** Steps from the start, along the first path found. */
function depthsOf(automaton: Automaton): number[] {
  const depths: number[] = automaton.map(() => -1);
  depths[0] = 0;
  const queue = [0];
  for (const from of queue) {
    for (const { target } of (automaton[from] as State).edges) {
      if (depths[target] !== -1) continue;
      depths[target] = (depths[from] as number) + 1;
      queue.push(target);
    }
  }
  return depths;
}
