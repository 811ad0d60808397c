// Reads the resident memory of a process, current and peak, from Linux.
import { existsSync, readFileSync, writeFileSync } from "node:fs";

export const canMeasure = existsSync("/proc/self/status");

/** In bytes; `peak` is since the process began, or since `forgetPeak`. */
export function memoryOf(pid = "self") {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const bytes = (field) => 1024 * Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)[1]);
  return { now: bytes("VmRSS"), peak: bytes("VmHWM") };
}

/** If the system does not allow it, the old peak stays: a measurement can only be too large. */
export function forgetPeak(pid = "self") {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
  } catch {
    // a sandbox may forbid it
  }
}
