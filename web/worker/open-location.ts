// A location → its bytes, on the engine's thread.
import { CamelGPTError } from "../errors.js";
import { openDownload } from "../load/download.js";
import { checkedSource } from "../load/integrity/checked-source.js";
import type { Location } from "../load/location.js";
import { Shards } from "../load/sources/shards.js";
import { type ByteSource, exactSizeOf } from "../load/sources/source.js";
import type { EnginePlatform } from "./platform.js";
import type { CallContext } from "./protocol.js";

export interface OpenOptions extends Pick<CallContext<"load">, "signal" | "openCaller"> {
  /** Whether ranges will be read in another order. */
  eager: boolean;
  /** Called with a problem of the store. */
  warn(note: string): void;
}

/** Errors: `unsupported-environment`, `not-found`, `read-failed`, and those of a download. */
export async function openLocation(
  location: Location,
  options: OpenOptions,
  platform: EnginePlatform,
): Promise<ByteSource> {
  const { signal, openCaller, eager, warn } = options;
  const { openStore } = platform;
  switch (location.kind) {
    case "url":
      return openDownload(
        location,
        eager,
        {
          cache: location.cache,
          openStore: openStore && ((note) => openStore(note, location.keep?.folder)),
          maxBytes: location.keep?.quota,
          warn,
        },
        { signal, fetch: platform.fetch },
      );
    case "path":
      if (platform.openPath)
        return checkedSource(await platform.openPath(location.path, location.folders), location.check);
      break;
    case "shards":
      return Shards.open(
        location.files.map((file) => () => openLocation(file, { ...options, eager: false }, platform)),
      );
    case "caller":
      if (openCaller) return renamed(await openCaller(location.file ?? 0), location.name);
  }
  throw new CamelGPTError("unsupported-environment", "This runtime cannot open the model's source.", {
    expected: "a source that this runtime can read",
    found: location.kind,
  });
}

/** Bytes that come from another thread have no name, and they cannot be read in another order. */
function renamed(source: ByteSource, name: string): ByteSource {
  return {
    name,
    size: source.size,
    get exactSize() {
      return exactSizeOf(source);
    },
    read: (target) => source.read(target),
    close: () => source.close(),
  };
}
