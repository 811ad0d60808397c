// A model at a URL, with all that belongs to it: from the store or the network, in any order where that is wanted, and compared with what it has to be.
import { blockSource, bytesOfHashes } from "./blocks.js";
import { type Keeping, openKept } from "./cache.js";
import { type HttpOptions, openUrl } from "./http.js";
import { type BlocksAt, checkedSource } from "./integrity.js";
import { openParallel } from "./parallel.js";
import { readAll } from "./read-all.js";
import type { Location } from "./resolve.js";
import type { ByteSource } from "./source.js";

/** `eager`: parts of it are wanted before others. Errors: those of {@link openUrl}, `integrity`. */
export function openDownload(
  { url, http, check }: Extract<Location, { kind: "url" }>,
  eager: boolean,
  keeping: Omit<Keeping, "check">,
  signal: AbortSignal | undefined,
): Promise<ByteSource> {
  const options = { ...http, signal };
  const blocks = check && "pieces" in check ? check.blocks : undefined;
  const ranges = eager && (!check || blocks !== undefined);
  return openKept(url, { ...keeping, check }, async () => {
    const source = await (ranges ? openUrl : openParallel)(url, { ...options, ranges });
    const { ranges: parts, size } = source;
    if (!parts || size === undefined || !blocks || blocks.check.bytes !== bytesOfHashes(size)) return checkedSource(source, check);
    try {
      return blockSource(source, parts, { bytes: size, hashes: await readHashes(blocks, keeping, options) });
    } catch (error) {
      await source.close();
      throw error;
    }
  });
}

async function readHashes({ url, check }: BlocksAt, keeping: Omit<Keeping, "check">, options: HttpOptions): Promise<Uint8Array> {
  const source = await openKept(url, { ...keeping, check }, async () => checkedSource(await openUrl(url, options), check));
  return readAll(source, check.bytes, "the hashes of a release");
}
