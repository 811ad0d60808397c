// Deterministic automata over code points: from expressions, products of two, and as rules of a grammar.
import { type CodePoints, toCodePoints } from "./code-points.js";
import { type Expression, choice, emptyText, manyOf, newRule, nothing, reference, sequence } from "./gbnf.js";
import { type Regular, type Regulars, TooComplex, classesOf } from "./regular.js";

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

/** States of one automaton. Each becomes up to a line of the grammar. */
export const maxStates = 4000;

export function automatonOf(regulars: Regulars, expression: Regular, limit = maxStates): Automaton {
  const classes = classesOf(expression);
  return explore(
    expression,
    ({ id }) => id,
    (from) => ({
      isAccepting: from.nullable,
      edges: classes.map((set) => ({ set, target: regulars.derive(from, set[0] as number) })),
    }),
    (to) => to.kind !== "none",
    limit,
  );
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
    const sets = new Map<number, number[]>();
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
      const ranges = sets.get(number);
      if (ranges) ranges.push(...set);
      else sets.set(number, [...set]);
    }
    const merged = [...sets].map(([target, ranges]) => ({ set: toCodePoints(ranges), target }));
    states.push({ isAccepting, edges: merged });
  }
  return withoutDeadStates(states);
}

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

/** Expressions deeper than this continue in a rule of their own. */
const maxInlined = 40;

/** The automaton as an expression of a grammar; `oneOf` writes one code point of a set. */
export function automatonExpression(
  automaton: Automaton,
  oneOf: (set: CodePoints) => Expression,
  hint: string,
): Expression {
  if (automaton.length === 0) return nothing;
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
