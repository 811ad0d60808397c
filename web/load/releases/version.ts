// Versions of releases and their order.

/** Numbers separated by dots, and optionally the name of a pre-release and of a build: "1.2.0-beta.1+5". */
const versionForm = /^v?(\d+(?:\.\d+)*)(?:-([0-9a-z-]+(?:\.[0-9a-z-]+)*))?(?:\+[0-9a-z.-]+)?$/i;

export const isVersion = (text: string): boolean => versionForm.test(text);

/**
 * Returns a negative number if `a` is older than `b`, a positive one if it is newer, 0 if neither, and undefined unless
 * both are versions. The order is that of Semantic Versioning 2.0.0 (https://semver.org, 11), for any count of numbers:
 * missing numbers are 0.
 */
export function compareVersions(a: string, b: string): number | undefined {
  const [left, right] = [versionForm.exec(a), versionForm.exec(b)];
  if (!left || !right) return undefined;
  const [numbers, others] = [left, right].map((found) => found[1]!.split(".")) as [string[], string[]];
  for (let i = 0; i < Math.max(numbers.length, others.length); i++) {
    const order = compareNumbers(numbers[i] ?? "0", others[i] ?? "0");
    if (order !== 0) return order;
  }
  const [pre, otherPre] = [left[2], right[2]];
  if (pre === undefined || otherPre === undefined) return Number(pre === undefined) - Number(otherPre === undefined);
  return comparePreReleases(pre.split("."), otherPre.split("."));
}

function comparePreReleases(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [left, right] = [a[i]!, b[i]!];
    const [isNumber, isOtherNumber] = [/^\d+$/.test(left), /^\d+$/.test(right)];
    const order =
      isNumber && isOtherNumber
        ? compareNumbers(left, right)
        : Number(isOtherNumber) - Number(isNumber) || Number(left > right) - Number(left < right);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** Compares decimal numbers of any length. */
function compareNumbers(a: string, b: string): number {
  const [left, right] = [a.replace(/^0+/, ""), b.replace(/^0+/, "")];
  return left.length - right.length || Number(left > right) - Number(left < right);
}
