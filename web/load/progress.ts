// Counts the bytes of a load and reports them.
import type { Engine } from "../engine/engine.js";
import type { ProgressEvent } from "../types.js";
import type { ByteSource } from "./sources/source.js";

/** Minimum number of milliseconds between two `progress` events. */
const progressInterval = 50;
/** Bytes over which the rate is measured. */
const rateBytes = 512 << 10;

export interface Progress {
  /** Counts bytes that have arrived and reports them, unless the last event was just before. */
  addBytes(count: number): void;
  /** Does not count the next `count` bytes, which have been counted already. */
  expectRepeated(count: number): void;
  /**
   * The rate at which bytes arrive: the higher one of the last two measurements, since a pause of the machine is not
   * one of the link. Older ones do not count: bytes that waited in buffers until the engine had started came fast.
   */
  bytesPerMs(): number;
  report(status: ProgressEvent["status"]): void;
}

export function trackProgress(
  engine: Engine,
  source: ByteSource,
  emit: ((event: ProgressEvent) => void) | undefined,
): Progress {
  let loaded = 0;
  let repeated = 0;
  let lastEmitted = -Infinity;
  let measured = 0; // bytes since `begin`
  let begin = performance.now();
  let rates = [0, 0];
  const report = (status: ProgressEvent["status"]) => {
    // The header contains the size even if the server does not send it.
    const total = engine.fileBytes || source.size || 0;
    // Padding at the end is not read, and a few rows arrive twice.
    if (total && (status === "done" || loaded > total)) loaded = total;
    emit?.({ status, file: source.name, loaded, total, progress: total ? (100 * loaded) / total : 0 });
  };
  return {
    addBytes(count) {
      const newBytes = Math.max(0, count - repeated);
      repeated -= count - newBytes;
      loaded += newBytes;
      const now = performance.now();
      measured += count;
      if (measured >= rateBytes) {
        rates = [measured / (now - begin), rates[0] as number];
        [measured, begin] = [0, now];
      }
      if (now - lastEmitted < progressInterval) return;
      lastEmitted = now;
      report("progress");
    },
    expectRepeated(count) {
      repeated += count;
    },
    bytesPerMs: () => Math.max(...rates) || measured / (performance.now() - begin),
    report,
  };
}
