// The name of a release → the release, after comparing all of its files with the manifest.
import { CamelGPTError, excerpt, throwIfAborted } from "../../errors.js";
import { fromHex } from "../../hex.js";
import { blockHashesSize } from "../integrity/blocks.js";
import { notOfRelease } from "../integrity/checked-source.js";
import { Sha256 } from "../integrity/sha256.js";
import type { FilePlatform, ResolveOptions } from "../location.js";
import { absoluteUrl, isUrl, openPlace } from "../place.js";
import { blockHashBytes, hashedBlockBytes } from "../sizes.js";
import { readAll } from "../sources/read-all.js";
import type { ByteSource } from "../sources/source.js";
import { findRelease } from "./find-release.js";
import type { ReleaseFile } from "./manifest.js";
import type { FoundRelease } from "./open-release.js";

export interface VerifiedRelease extends Pick<FoundRelease, "info" | "signatureNote"> {
  files: ReleaseFile[];
}

/**
 * Reads all files from their place, not from the store. Errors: `bad-input` if there is no release, `integrity`, and
 * those of reading.
 */
export async function verifyFiles(
  name: string,
  options: ResolveOptions,
  signal: AbortSignal | undefined,
  platform: FilePlatform,
): Promise<VerifiedRelease> {
  const found = await findRelease(addressOf(name, platform), { ...options, cache: "off" }, platform);
  if (!found) {
    throw new CamelGPTError("bad-input", `${excerpt(name)} is not a release.`, {
      expected: "a folder, or a URL that ends with /, with camelgpt.json in it",
      hint: "For a single GGUF file there are no hashes to compare it with.",
    });
  }
  const { info, signatureNote, release } = found;
  const { weights, sidecar, blocks } = release;
  const files = [weights, sidecar, blocks].filter((file) => file !== undefined);
  const http = { ...options.http, fetch: options.fetch, signal };
  const open = (file: ReleaseFile) => openPlace(found.placeOf(file), file.check, { http, cache: "off" }, platform);
  const hashes = new BlockHashes();
  for (const file of files) {
    if (file !== blocks) await readToEnd(await open(file), signal, file === weights && blocks ? hashes : undefined);
    else await compareBlocks(await open(file), signal, weights.check.bytes, hashes);
  }
  return { info, files, signatureNote };
}

/** Reads a source to its end and closes it. Its bytes are added to `hashes`. */
async function readToEnd(source: ByteSource, signal: AbortSignal | undefined, hashes?: BlockHashes): Promise<void> {
  const buffer = new Uint8Array(1 << 16);
  try {
    for (let count = -1; count !== 0; ) {
      count = await source.read(buffer);
      throwIfAborted(signal);
      hashes?.add(buffer.subarray(0, count));
    }
  } finally {
    await source.close();
  }
}

/**
 * Compares the hashes of blocks that the release names with those of its weights. Otherwise eager loading could accept
 * other weights than the hashes of pieces.
 */
async function compareBlocks(
  source: ByteSource,
  signal: AbortSignal | undefined,
  weightBytes: number,
  hashes: BlockHashes,
): Promise<void> {
  const expected = fromHex(hashes.digest());
  const found = await readAll(source, blockHashesSize(weightBytes), "the hashes of a release");
  throwIfAborted(signal);
  const at = expected.findIndex((byte, i) => byte !== found[i]);
  if (at < 0 && found.length === expected.length) return;
  throw notOfRelease(source.name, "the hashes of the blocks of the weights", `another hash of block ${blockAt(at)}`);
}

const blockAt = (at: number) => Math.floor(Math.max(at, 0) / blockHashBytes) + 1;

/** The hashes of the blocks of a file, in hexadecimal and one after the other, as in a .blocks file. */
class BlockHashes {
  readonly #digests: string[] = [];
  #hash = new Sha256();
  #filled = 0;

  add(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + hashedBlockBytes - this.#filled);
      this.#hash.add(part);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === hashedBlockBytes) this.#endBlock();
    }
  }

  digest(): string {
    if (this.#filled > 0) this.#endBlock();
    return this.#digests.join("");
  }

  #endBlock(): void {
    this.#digests.push(this.#hash.digest().slice(0, 2 * blockHashBytes));
    this.#hash = new Sha256();
    this.#filled = 0;
  }
}

function addressOf(name: string, platform: FilePlatform): string {
  if (platform.files || isUrl(name)) return name;
  try {
    return absoluteUrl(name, platform);
  } catch {
    return name; // not a release either
  }
}
