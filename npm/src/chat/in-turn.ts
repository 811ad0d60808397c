// Runs the calls on one session one after the other, and checks what it was created with.
import { CamelGPTError, orAborted } from "../../../web/errors.js";
import { checkMessages } from "./check-messages.js";
import { keepAnswer } from "./kept-tokens.js";
import { plainMessages } from "./plain-messages.js";
import type { ChatState } from "./session-state.js";

/**
 * Runs `work` once the earlier calls on the session have ended. An abort ends the wait.
 * Errors: `aborted`, `bad-input` for a history that is not messages, `bad-option` for two system texts.
 */
export function inTurn<T>(state: ChatState, signal: AbortSignal | undefined, work: () => T | Promise<T>): Promise<T> {
  const before = state.last;
  const run = async () => {
    await orAborted(before, signal);
    checkHistory(state);
    await keepAnswer(state);
    return work();
  };
  const result = run();
  state.last = Promise.allSettled([before, result]);
  return result;
}

function checkHistory(state: ChatState): void {
  if (state.areChecked) return;
  const messages = state.entries.map(({ message }) => message);
  if (messages.length > 0) checkMessages(messages, state.model.limits);
  if (messages[0]?.role === "system" && messages[1]?.role === "system") {
    throw new CamelGPTError("bad-option", "The conversation begins with two system texts.", {
      expected: "one system message",
      found: "two in a row",
      hint: "Give `system`, or a `history` that begins with a system message.",
    });
  }
  state.entries = plainMessages(messages).map((message) => ({ message }));
  state.areChecked = true;
}
