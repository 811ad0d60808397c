// The flags and environment variables that say where models come from.
import { environmentHub } from "../entry/node-files.js";
import { defaultHub } from "../options.js";
import type { PullOptions } from "./pull/pull-model.js";
import { type Flag, type Flags, UsageError } from "./command.js";

export const hubFlags: Record<string, Flag> = {
  hub: {
    takes: "text",
    value: "URL",
    help: "Base URL of the model hub (default: $HF_ENDPOINT, else https://huggingface.co).",
  },
  header: {
    takes: "text",
    value: "'Name: value'",
    many: true,
    option: "headers",
    help: "Sent with the request for a model at a URL.",
  },
  "cache-folder": { takes: "text", value: "F", help: "Folder of cached downloads (default: ~/.cache/camelgpt)." },
  sha256: { takes: "text", value: "H", help: "SHA-256 that the model's file must have, as 64 hexadecimal digits." },
};

/** The hub of the flag or the environment. */
export const hubOf = (flags: Flags): string => flags.text("hub") || environmentHub() || defaultHub;

export function headersOf(flags: Flags): Record<string, string> {
  const headers = flags.texts("header").map((header) => {
    const colon = header.indexOf(":");
    if (colon < 1) throw new UsageError("--header wants 'Name: value'."); // does not repeat what may be secret
    return [header.slice(0, colon).trim(), header.slice(colon + 1).trim()] as const;
  });
  return Object.fromEntries(headers);
}

export function pullOptions(flags: Flags, signal: AbortSignal): PullOptions {
  return {
    hub: hubOf(flags),
    headers: headersOf(flags),
    token: process.env["HF_TOKEN"] || process.env["HUGGING_FACE_HUB_TOKEN"] || undefined,
    cacheFolder: flags.text("cache-folder"),
    sha256: flags.text("sha256")?.toLowerCase(),
    signal,
  };
}
