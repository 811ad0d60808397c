// Gives other tasks of this thread their turn. By messages, not timers: browsers slow the timers of hidden tabs down to one a
// second, and clamp nested ones to 4 ms.

declare const setImmediate: ((callback: () => void) => unknown) | undefined;

/** Longest stretch of work, in milliseconds, after which a loop should pause. A frame of a 120 Hz screen. */
const longestStretch = 8;

function postTask(task: () => void): void {
  if (typeof setImmediate === "function") {
    setImmediate(task);
    return;
  }
  // A new one each time: on edge runtimes it belongs to the request that made it.
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    task();
  };
  port2.postMessage(0);
}

/** Resolves after the tasks that wait already (messages, input, painting) had a chance to run. */
export function pause(): Promise<void> {
  return new Promise(postTask);
}

/** Calls while the clock stands still after which a loop should pause. */
const stillCalls = 8;

/** A function for loops: it pauses when the last pause is more than a few milliseconds ago, and else costs nothing. */
export function pacer(): () => Promise<void> | undefined {
  let last = performance.now();
  let seen = last;
  let still = 0;
  return () => {
    const now = performance.now();
    // On edge runtimes time stands still while a program computes.
    still = now === seen ? still + 1 : 0;
    seen = now;
    if (now - last < longestStretch && still < stillCalls) return undefined;
    still = 0;
    return pause().then(() => {
      last = seen = performance.now();
    });
  };
}
