// The option `offline`: models load only from this machine.
import { asCamelGPTError, CamelGPTError, excerpt } from "../../web/errors.js";
import type { Allow } from "../../web/load/allow.js";
import { isKept } from "../../web/load/catalogue/find-model.js";
import type { Location, ResolvedSource, ResolveOptions } from "../../web/load/location.js";
import { shortUrl } from "../../web/load/names.js";
import type { ModelSource } from "../../web/load/resolve.js";
import type { CallerPlatform } from "../../web/worker/platform.js";

/** The platform with a `fetch` that refuses. */
export function withoutNetwork(platform: CallerPlatform): CallerPlatform {
  const { requireAccess: _requireAccess, ...others } = platform;
  return {
    ...others,
    fetch: async (url) => {
      throw offlineError(shortUrl(url));
    },
  };
}

/**
 * Checks that the store has all files of a model, and forbids the engine's thread to request them, in case that a kept
 * copy turns out to be damaged. Errors: `offline`.
 */
export async function requireKept(
  { location, sidecar }: ResolvedSource,
  options: ResolveOptions,
  platform: CallerPlatform,
): Promise<void> {
  if (sidecar && "isPackaged" in sidecar) return; // a page has the files of the package at a URL
  for (const each of location.kind === "shards" ? location.files : [location]) await requireFile(each);

  async function requireFile(file: Location): Promise<void> {
    if (file.kind !== "url" || !/^https?:/i.test(file.url)) return;
    if (!(await isKept({ url: file.url }, { ...options, http: file.http }, platform))) {
      throw offlineError(shortUrl(file.url));
    }
    file.http = { ...file.http, allow: { urls: [], folders: [], fileUrls: false } };
  }
}

/** The error of a load that was offline, in terms of the model. */
export function explained(error: unknown, source: ModelSource, allow: Allow | undefined): CamelGPTError {
  const known = asCamelGPTError(error);
  const wasRefused = known.code === "offline" || (known.code === "not-allowed" && !allow);
  return wasRefused && typeof source === "string" ? offlineError(excerpt(source)) : known;
}

function offlineError(what: string): CamelGPTError {
  return new CamelGPTError("offline", `${what} is not on this machine, and the option offline forbids downloads.`, {
    expected: "a model that an earlier load or `camelgpt pull` has kept",
    hint: "Load it once without the option offline (--offline), or run camelgpt pull with its name.",
  });
}
