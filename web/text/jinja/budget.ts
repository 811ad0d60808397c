// The limits of a template. Every function that makes, copies or visits values reports it here before it does so, so
// that no filter or method can do work that is not counted.

export interface Limits {
  /** A step takes at most about 0.1 µs: an evaluated node, a visited element, a few characters of a text. */
  steps: number;
  /** UTF-16 units of the output, and of any text on the way to it. */
  characters: number;
  /** Pieces of the messages' texts in the output. They cost the caller's thread time when they are posted. */
  pieces: number;
  /** Bytes of all values that the template creates, whether it keeps them or not. */
  bytes: number;
  /** Not applied to the first fifth of the steps: a slow or busy device refuses no template that needs little work. */
  milliseconds: number;
}

/** Steps between two looks at the clock. */
const stepsBetweenLooks = 4096;

/** Counts the work of a template and stops it at its limits. */
export class Budget {
  #steps = 0;
  #bytes = 0;
  #nextLook: number;
  readonly #end: number;

  constructor(readonly limits: Limits) {
    this.#nextLook = limits.steps / 5;
    this.#end = performance.now() + limits.milliseconds;
  }

  get used(): { steps: number; bytes: number } {
    return { steps: this.#steps, bytes: this.#bytes };
  }

  spend(steps: number): void {
    this.#steps += steps;
    if (!(this.#steps <= this.limits.steps)) throw new Error(`it takes more than ${this.limits.steps} steps`);
    if (this.#steps < this.#nextLook) return;
    this.#nextLook = this.#steps + stepsBetweenLooks;
    if (performance.now() > this.#end) throw new Error(`it takes more than ${Math.round(this.limits.milliseconds)} ms`);
  }

  allocate(bytes: number): void {
    this.#bytes += bytes;
    if (!(this.#bytes <= this.limits.bytes)) throw new Error(`its values take more than ${this.limits.bytes} bytes`);
  }

  checkLength(characters: number): void {
    if (!(characters <= this.limits.characters)) {
      throw new Error(`it creates a text of more than ${this.limits.characters} characters`);
    }
  }
}

/** Rendering is synchronous, so one place serves all. Values of the caller are made without a budget. */
let current: Budget | undefined;

/** Counts the work of `run`. */
export function withBudget<T>(budget: Budget, run: () => T): T {
  const outer = current;
  current = budget;
  try {
    return run();
  } finally {
    current = outer;
  }
}

export function spend(steps: number): void {
  current?.spend(steps);
}

export function allocate(bytes: number): void {
  current?.allocate(bytes);
}

/** Counts the objects that the engine of JavaScript creates for matches of a regular expression. */
export function countMatches(matches: number): void {
  current?.spend(2 * matches);
  current?.allocate(24 + 32 * matches);
}

/** Refuses a text of this length, without counting it. */
export function checkLength(characters: number): void {
  current?.checkLength(characters);
}

/** Counts the characters of a text that is about to be created or flattened. */
export function createText(characters: number): void {
  current?.checkLength(characters);
  current?.spend(1 + (characters >> 6));
  current?.allocate(2 * characters);
}
