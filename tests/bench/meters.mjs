// What a measurement takes beside time: memory of processes, energy of the machine. Each meter starts with a call and gives its
// reading with the next.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { canMeasure, forgetPeak, memoryOf } from "../parity/process-memory.mjs";

/**
 * Memory that processes take from now on: returns a function that gives the bytes of resident memory, at their highest, beyond what
 * was resident now; undefined where the system does not tell. Processes that start later do not count.
 */
export function meterMemory(processIds) {
  if (!canMeasure) return () => undefined;
  processIds.forEach(forgetPeak);
  const before = new Map(processIds.map((id) => [id, memoryIfAlive(id)]));
  return () =>
    [...before].reduce((sum, [id, then]) => {
      const after = memoryIfAlive(id);
      if (!then || !after) return sum;
      // Where the system does not let the peak be forgotten, an old one says nothing.
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

/** Joules of all processor packages from now on: returns a function that gives them, or undefined where the machine does not tell. */
export function meterEnergy() {
  if (!canMeasureEnergy) return () => undefined;
  const before = packages.map(microjoules);
  return () =>
    packages.reduce((sum, folder, i) => {
      const used = microjoules(folder) - before[i];
      return sum + (used >= 0 ? used : used + number(folder, "max_energy_range_uj")) / 1e6; // the counter starts anew at its end
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
