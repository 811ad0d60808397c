// Ids of calls.

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const length = 24;

/** A new id of the form of OpenAI's. */
export function newCallId(): string {
  const random = crypto.getRandomValues(new Uint8Array(length));
  return `call_${Array.from(random, (byte) => letters[byte % letters.length]).join("")}`;
}
