// Runs programs of unit tests (doctest) in ranges of test cases, side by side: most of their time is on one thread.
import { Problem, runQuietly, runSideBySide } from "./run.mjs";

const ranges = 16;

/**
 * Runs all test cases of each program.
 * @param programs `[{command, args}]`; `args` may filter the test cases
 * @param options  of `spawn`
 */
export async function runDoctest(programs, options) {
  const jobs = [];
  for (const { command, args = [] } of programs) {
    const count = await countTestCases(command, args, options);
    const size = Math.ceil(count / ranges);
    for (let first = 1; first <= count; first += size) {
      const range = [`--first=${first}`, `--last=${first + size - 1}`];
      jobs.push(() => runQuietly(command, [...args, ...range, "--no-colors"], options));
    }
  }
  await runSideBySide(jobs);
}

async function countTestCases(command, args, options) {
  const output = await runQuietly(command, [...args, "--count", "--no-colors"], options);
  const count = Number(/unskipped test cases passing the current filters: (\d+)/.exec(output)?.[1] ?? 0);
  if (count === 0) throw new Problem(`${[command, ...args].join(" ")} has no test cases`);
  return count;
}
