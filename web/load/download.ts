// A model at a URL, with all that belongs to it: from the store or the network, in any order where that is wanted, and compared with what it has to be.
import { blockSource, bytesOfHashes } from "./integrity/blocks.js";
import { type Keeping, openFile, openKept } from "./stores/cache.js";
import { openUrl } from "./sources/http.js";
import { checkedSource } from "./integrity/checked-source.js";
import { openParallel } from "./sources/parallel.js";
import { readAll } from "./sources/read-all.js";
import type { Location } from "./resolve.js";
import type { ByteSource } from "./sources/source.js";

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
    if (!parts || size === undefined || !blocks || blocks.check.bytes !== bytesOfHashes(size))
      return checkedSource(source, check);
    try {
      const file = await openFile(blocks.url, options, { ...keeping, check: blocks.check });
      return blockSource(source, parts, {
        bytes: size,
        hashes: await readAll(file, blocks.check.bytes, "the hashes of a release"),
      });
    } catch (error) {
      await source.close();
      throw error;
    }
  });
}
