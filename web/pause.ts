// Yields to other tasks of this thread. Uses messages instead of timers: browsers throttle the timers of hidden tabs to
// one per second and clamp nested timers to 4 ms.

declare const setImmediate: ((callback: () => void) => unknown) | undefined;

/** Milliseconds of work after which a loop should pause: one frame of a 120 Hz screen. */
const maxMilliseconds = 8;

function postTask(task: () => void): void {
  if (typeof setImmediate === "function") {
    setImmediate(task);
    return;
  }
  // Not reused: on edge runtimes a channel belongs to the request that created it.
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    task();
  };
  port2.postMessage(0);
}

/** Resolves after the tasks that are already waiting (messages, input, painting) have had a chance to run. */
export function pause(): Promise<void> {
  return new Promise(postTask);
}

/** Calls at an unchanged clock after which a loop should pause. */
const maxStillCalls = 8;

/**
 * Returns a function to call in a loop. It pauses if the last pause was some milliseconds ago, and otherwise returns
 * undefined.
 */
export function pacer(): () => Promise<void> | undefined {
  let last = performance.now();
  let seen = last;
  let still = 0;
  return () => {
    const now = performance.now();
    // On edge runtimes the clock does not advance during computation.
    still = now === seen ? still + 1 : 0;
    seen = now;
    if (now - last < maxMilliseconds && still < maxStillCalls) return undefined;
    still = 0;
    return pause().then(() => {
      last = seen = performance.now();
    });
  };
}
