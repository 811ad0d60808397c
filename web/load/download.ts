// A model at a URL → its verified bytes, from the store or the network, in any order if that is possible.
import { blockHashesSize, blockSource } from "./integrity/blocks.js";
import { checkedSource } from "./integrity/checked-source.js";
import { httpFor, type Location } from "./location.js";
import { originOf } from "./names.js";
import { openUrl } from "./sources/http.js";
import type { HttpOptions } from "./sources/http-options.js";
import { openParallel } from "./sources/parallel.js";
import { readAll } from "./sources/read-all.js";
import type { ByteSource } from "./sources/source.js";
import { type CacheOptions, openCached, openCachedUrl } from "./stores/cache.js";

/** `eager`: whether ranges will be read in another order. Errors: those of {@link openUrl}, `integrity`. */
export function openDownload(
  { url, http, check }: Extract<Location, { kind: "url" }>,
  eager: boolean,
  cacheOptions: Omit<CacheOptions, "check" | "http" | "signal">,
  request: Pick<HttpOptions, "signal" | "fetch">,
): Promise<ByteSource> {
  const options = { ...http, ...request, verified: check !== undefined };
  const blocks = check && "pieces" in check ? check.blocks : undefined;
  // Ranges cannot be verified by one hash of the file, nor by hashes of pieces.
  const wantsRanges = eager && (!check || blocks !== undefined);
  return openCached(url, { ...cacheOptions, check, http, signal: request.signal }, async () => {
    const source = await (wantsRanges ? openUrl : openParallel)(url, { ...options, ranges: wantsRanges });
    const { ranges, size } = source;
    if (!ranges || size === undefined || !blocks || blocks.check.bytes !== blockHashesSize(size)) {
      return checkedSource(source, check);
    }
    try {
      const file = await openCachedUrl(blocks.url, httpFor(blocks.url, options, originOf(url)), {
        ...cacheOptions,
        check: blocks.check,
      });
      const hashes = await readAll(file, blocks.check.bytes, "the hashes of a release");
      return blockSource(source, ranges, { bytes: size, hashes });
    } catch (error) {
      await source.close();
      throw error;
    }
  });
}
