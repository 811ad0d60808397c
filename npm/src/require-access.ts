// Whether this program may connect to a URL, checked before the runtime asks the user or refuses.
import type { CallerPlatform } from "../../web/worker/platform.js";
import { tagOf } from "./check-options.js";
import type { LoadOptions } from "./options.js";

/** Checks a source if it is a URL. Errors: `unsupported-environment`. */
export function requireAccess(source: unknown, { fetch }: LoadOptions, platform: CallerPlatform): void {
  if (fetch || !/^(String|URL)$/.test(tagOf(source))) return;
  const url = String(source);
  if (/^https?:/i.test(url)) platform.requireAccess?.(url);
}
