// A text → its tokens, with pauses in between so that a long text can be aborted.
import type { Engine } from "../engine/engine.js";
import { throwIfAborted } from "../errors.js";
import { pacer } from "../pause.js";
import type { RenderedPrompt } from "../rendered-prompt.js";

/** Bytes of text between two looks at the clock: some milliseconds of work at most. */
const sliceBytes = 8 << 10;

/**
 * The parameters are those of `Engine.beginText`, and so are the errors, with `aborted`. Calls may overlap, and the
 * engine may do other work in the meantime.
 */
export function tokenizeText(
  engine: Engine,
  signal: AbortSignal | undefined,
  prompt: string | RenderedPrompt,
  addSpecial: boolean,
  parseSpecial: boolean,
  isChat?: boolean,
): Promise<number[]> {
  return engine.texts.run(async () => {
    engine.beginText(prompt, addSpecial, parseSpecial, isChat);
    const pace = pacer();
    while (!engine.continueText(sliceBytes)) {
      await pace();
      throwIfAborted(signal);
    }
    return engine.tokenized();
  }, signal);
}
