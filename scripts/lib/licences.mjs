// The licences that code from others may have.

const allowed = new Set([
  "0BSD",
  "Apache-2.0",
  "Apache-2.0 WITH LLVM-exception",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "ISC",
  "MIT",
  "Unicode-3.0",
]);

/** Whether an SPDX expression leaves a choice of licences that are all allowed: `MIT OR GPL-3.0-only` does. */
export function isAllowedLicence(expression) {
  if (typeof expression !== "string") return false;
  const choices = expression.replace(/^\((.*)\)$/, "$1").split(" OR ");
  return choices.some((choice) => choice.split(" AND ").every((id) => allowed.has(id)));
}
