// Salts of callers → the numbers by which the engine tells them apart.

/** More than the cache has texts: those of calls before the latest ones have none there. */
const maxSalts = 1024;

const numbers = new Map<string, number>();
let last = 0;

/** The number of a salt, which it keeps while it is among the latest ones. */
export function saltNumber(salt: string): number {
  const number = numbers.get(salt) ?? ++last;
  numbers.delete(salt); // moves it to the end
  numbers.set(salt, number);
  const [oldest] = numbers.keys();
  if (numbers.size > maxSalts && oldest !== undefined) numbers.delete(oldest);
  return number;
}
