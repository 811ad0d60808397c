// A helper thread of the engine: a second instance of the engine's module over the same shared memory.

/** The start parameters of a helper thread. Addresses are in the shared memory. */
export interface ThreadStart {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** Index in the module's table of the function `entry(index, stack)` that the thread runs. */
  entry: number;
  index: number;
  /** The top of the thread's stack. */
  stack: number;
  /** Address of the flag that is set when the thread no longer computes: otherwise the others wait forever. */
  failed: number;
}

/** Calls `onStart`, then computes for the engine until the thread is terminated. */
export function runHelperThread(start: ThreadStart, onStart: () => void): void {
  const { module, memory, entry, index, stack, failed } = start;
  // V8 loses a growth of the memory that happens while this thread receives it: memory.fill and memory.copy would trap
  // past the old size. Growing by nothing updates the size, and later growths arrive.
  memory.grow(0);
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    (imports[from] ??= {})[name] = kind === "memory" ? memory : rejectCall;
  }
  const { exports } = new WebAssembly.Instance(module, imports);
  const table = Object.values(exports).find((each) => each instanceof WebAssembly.Table);
  const work = table?.get(entry) as (index: number, stack: number) => void;
  const fail = () => Atomics.store(new Int32Array(memory.buffer), failed / 4, 1);
  onStart();
  setTimeout(fail); // runs if the work is terminated in a way that skips `finally`
  try {
    work(index, stack);
  } finally {
    fail();
  }
}

/** The core calls JavaScript only from the thread that owns the engine. */
function rejectCall(): never {
  throw new Error("a helper thread called out of the engine");
}
