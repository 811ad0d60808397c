// Work that grows too fast with its input, or continues after an abort, shows in processor time: other programs may
// keep the machine busy. Times depend on the machine, so a limit is the time on a usual one, and the test fails at ten
// times that. Speed itself is measured by `npm run bench`.
import assert from "node:assert/strict";

const slowestMachine = 10;

/** A clock of the time that this process computes, with all its threads, from now on. */
export function startClock() {
  const begin = process.cpuUsage();
  const milliseconds = () => {
    const { user, system } = process.cpuUsage(begin);
    return (user + system) / 1000;
  };
  return {
    milliseconds,
    /** Fails if the work since took more than ten times `usual` milliseconds. `what` names it. */
    expectBelow(usual, what = "the work") {
      const time = milliseconds();
      assert.ok(time < slowestMachine * usual, `${what} took ${time.toFixed(0)} ms`);
    },
  };
}
