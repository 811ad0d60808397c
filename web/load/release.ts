// An official release: a folder or URL whose manifest says which files belong together.
import { CamelGPTError, describe, excerpt } from "../errors.js";
import { readAll } from "./read-all.js";
import type { ByteSource } from "./source.js";

export const manifestName = "camelgpt.json";

/** Where the files of a release are, beside its manifest. */
export interface Release {
  weights: string;
  sidecar: string | undefined;
}

/** What has more bytes is no manifest. */
const largest = 1 << 20;
const relativePath = /^\w[\w.-]*(\/\w[\w.-]*)*$/;

/** Errors: `bad-format`, and those of reading. */
export async function readRelease(source: ByteSource): Promise<Release> {
  const text = new TextDecoder().decode(await readAll(source, largest, "the manifest of a release"));
  let files: unknown;
  try {
    files = (JSON.parse(text) as { files?: unknown }).files;
  } catch (error) {
    throw badManifest(describe(error), error);
  }
  if (!Array.isArray(files)) throw badManifest("no list of files");
  const pathOf = (role: string) => {
    const path = (files as { role?: unknown; path?: unknown }[]).find((file) => file?.role === role)?.path;
    if (path === undefined) return undefined;
    if (typeof path !== "string" || !relativePath.test(path)) throw badManifest(`the path ${excerpt(String(path))}`);
    return path;
  };
  const weights = pathOf("weights");
  if (weights === undefined) throw badManifest("no file with the role weights");
  return { weights, sidecar: pathOf("sidecar") };
}

function badManifest(found: string, cause?: unknown): CamelGPTError {
  return new CamelGPTError("bad-format", "The manifest of the release cannot be used.", {
    expected: `${manifestName} with files that have a role (weights, sidecar) and a path below it`,
    found,
    cause,
  });
}
