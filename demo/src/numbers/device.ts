// This device and this browser, as far as a page can know them.
import type { EngineInfo } from "@gpt-research/camelgpt-inference";
import { version } from "@gpt-research/camelgpt-inference/package.json";

import type { Machine } from "./results.js";

/** The name that the visitor gave to the processor, or the system of which the browser tells. */
export function describeDevice(processor: string, { kernels }: EngineInfo): Machine {
  const { hardwareConcurrency: cores, deviceMemory } = navigator as Navigator & { deviceMemory?: number };
  const cpu = processor.trim() || systemName();
  return {
    name: `${cpu} ${kernels} ${cores} cores`.toLowerCase().replace(/[^a-z0-9]+/g, "-"),
    cpu,
    cores,
    flags: kernels.split(" "),
    ...(deviceMemory !== undefined && { memoryBytes: deviceMemory * 2 ** 30 }), // rounded by the browser
    system: navigator.userAgent,
  };
}

function systemName(): string {
  const [, system] = /\(([^;)]+)/.exec(navigator.userAgent) ?? [];
  return system ?? "unknown";
}

const browsers = {
  Edge: /Edg\/([\d.]+)/,
  Firefox: /Firefox\/([\d.]+)/,
  Chromium: /Chrome\/([\d.]+)/,
  Safari: /Version\/([\d.]+).*Safari/,
};

/** Program → version. */
export function describeVersions(): Record<string, string> {
  for (const [name, pattern] of Object.entries(browsers)) {
    const [, found] = pattern.exec(navigator.userAgent) ?? [];
    if (found) return { CamelGPT: version, [name]: found };
  }
  return { CamelGPT: version };
}
