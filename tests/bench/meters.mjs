// Measures the memory of processes and the energy of the machine. A meter starts with a call and returns a function
// that reads it.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { canMeasure, forgetPeak, memoryOf } from "../parity/process-memory.mjs";

/**
 * Starts to measure the memory of processes. Returns a function that returns the peak of resident memory in bytes since
 * then, minus the resident memory at the start; undefined if the system does not report it. Processes that start later
 * are not counted.
 */
export function meterMemory(processIds) {
  if (!canMeasure) return () => undefined;
  processIds.forEach(forgetPeak);
  const before = new Map(processIds.map((id) => [id, memoryIfAlive(id)]));
  return () =>
    [...before].reduce((sum, [id, then]) => {
      const after = memoryIfAlive(id);
      if (!then || !after) return sum;
      // If the system does not reset the peak, an earlier peak is meaningless.
      const highest = after.peak > then.peak ? after.peak : after.now;
      return sum + Math.max(0, highest - then.now);
    }, 0);
}

function memoryIfAlive(id) {
  try {
    return memoryOf(id);
  } catch {
    return undefined;
  }
}

const powercap = "/sys/class/powercap";
const packages = readablePackages();

export const canMeasureEnergy = packages.length > 0;

/**
 * Starts to measure energy. Returns a function that returns the joules of all processor packages, or undefined if
 * unknown.
 */
export function meterEnergy() {
  if (!canMeasureEnergy) return () => undefined;
  const before = packages.map(microjoules);
  return () =>
    packages.reduce((sum, folder, i) => {
      const used = microjoules(folder) - before[i];
      return sum + (used >= 0 ? used : used + number(folder, "max_energy_range_uj")) / 1e6; // the counter wraps around
    }, 0);
}

function readablePackages() {
  try {
    const folders = readdirSync(powercap)
      .filter((name) => /rapl:\d+$/.test(name))
      .map((name) => join(powercap, name));
    folders.forEach(microjoules);
    return folders;
  } catch {
    return [];
  }
}

const number = (folder, name) => Number(readFileSync(join(folder, name), "utf8"));
const microjoules = (folder) => number(folder, "energy_uj");
