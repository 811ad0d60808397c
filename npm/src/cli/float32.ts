// Numbers of single precision → their shortest decimal form.

/**
 * Returns the number with the fewest digits that rounds to the same float32: 0.1 for 0.10000000149011612, the value of
 * the float32 nearest to 0.1.
 */
export function shortestFloat32(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return Number(value.toPrecision(9));
}
