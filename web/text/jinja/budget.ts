// The limits of a template, and what filters, methods and operators need of the interpreter.
import { concat, type Str } from "./strings.js";
import type { Arguments, Value } from "./values.js";

export interface Limits {
  /** Evaluated nodes and visited elements, with one for every eight characters of a created text. */
  steps: number;
  /** Characters of the output, and of any text on the way to it. */
  characters: number;
  milliseconds: number;
}

/** Counts the work of a template and stops it at its limits. */
export class Budget {
  #steps = 0;
  #nextLook = 0;
  readonly #end: number;
  constructor(readonly limits: Limits) {
    this.#end = performance.now() + limits.milliseconds;
  }
  readonly spend = (steps: number): void => {
    this.#steps += steps;
    if (this.#steps > this.limits.steps) throw new Error(`it takes more than ${this.limits.steps} steps`);
    if (this.#steps < this.#nextLook) return;
    this.#nextLook = this.#steps + 4096;
    if (performance.now() > this.#end) throw new Error(`it takes more than ${this.limits.milliseconds / 1000} seconds`);
  };
  /** Counts a text that is about to be created. */
  create(characters: number): void {
    this.check(characters);
    this.spend(1 + (characters >> 3));
  }
  /** Refuses a text of this length, without counting it. */
  check(characters: number): void {
    if (characters > this.limits.characters) {
      throw new Error(`it creates a text of more than ${this.limits.characters} characters`);
    }
  }
  concat(parts: readonly Str[]): Str {
    this.create(parts.reduce((sum, part) => sum + part.text.length, 0));
    return concat(parts);
  }
}

export interface Runtime {
  readonly budget: Budget;
  /** str(value) */
  text(value: Value): Str;
  attribute(object: Value, name: string): Value;
  item(object: Value, index: Value): Value;
  call(callee: Value, args: Arguments): Value;
}
