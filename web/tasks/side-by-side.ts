// Generations of overlapping calls: in each round one prompt advances by a slice, and all others by a token, whose
// matrix products are computed together.
import type { Engine } from "../engine/engine.js";
import { pacer } from "../pause.js";
import type { Generated } from "../types.js";
import { sliceTokens } from "./activity.js";
import type { Generation } from "./generation.js";

interface Running {
  generation: Generation;
  resolve: (generated: Generated) => void;
  reject: (error: unknown) => void;
  /** Of the engine; undefined before it has begun. */
  slot?: number;
}

export class SideBySide {
  readonly #engine: Engine;
  /** In the order of the calls. */
  #running: Running[] = [];
  #isLooping = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Errors: those of a generation by itself. */
  run(generation: Generation): Promise<Generated> {
    return new Promise((resolve, reject) => {
      this.#running.push({ generation, resolve, reject });
      if (!this.#isLooping) void this.#loop();
    });
  }

  async #loop(): Promise<void> {
    this.#isLooping = true;
    const pace = pacer();
    while (this.#running.length > 0) {
      this.#evaluatePrompt();
      this.#chooseTokens();
      await pace();
    }
    this.#isLooping = false;
  }

  /**
   * Evaluates a slice of the first prompt that is not complete. A later prompt begins after it, so that it finds a
   * common prefix in the cache.
   */
  #evaluatePrompt(): void {
    const first = this.#running.find(({ generation }) => !generation.hasPrompt);
    if (!first) return;
    this.#attempt(first, () => {
      if (first.slot === undefined) {
        first.generation.begin(true);
        first.slot = this.#engine.slot();
      } else {
        this.#engine.resume(first.slot);
      }
      if (first.generation.hasPrompt) return;
      first.generation.take(this.#engine.advance(sliceTokens));
    });
  }

  #chooseTokens(): void {
    const choosing = this.#running.filter(({ slot, generation }) => slot !== undefined && generation.hasPrompt);
    try {
      if (choosing.length > 1) this.#engine.evaluateTogether(choosing.map(({ slot }) => slot as number));
    } catch (error) {
      for (const each of choosing) this.#end(each, () => each.reject(error));
      return;
    }
    for (const each of choosing) {
      this.#attempt(each, () => {
        this.#engine.resume(each.slot as number);
        each.generation.take(this.#engine.advance(sliceTokens));
      });
    }
  }

  /** Advances a generation, and ends it if it is done or fails. */
  #attempt(running: Running, advance: () => void): void {
    try {
      advance();
      if (!running.generation.isDone) return;
      const generated = running.generation.result();
      this.#end(running, () => running.resolve(generated));
    } catch (error) {
      this.#end(running, () => running.reject(error));
    }
  }

  #end(running: Running, settle: () => void): void {
    this.#running.splice(this.#running.indexOf(running), 1);
    try {
      if (running.slot !== undefined) this.#engine.release(running.slot);
    } catch {
      // The engine has ended; its error settles the call.
    }
    settle();
  }
}
