// `fetch` for browsers, which follow redirects themselves and do not tell where they lead. They remove Authorization
// from a request to another origin, but no other header.
import { requireAllowedUrl } from "../allow.js";
import type { CheckedFetch, Fetch } from "./http-options.js";

/**
 * A redirect is followed without the caller's headers other than Authorization. Of a chain of redirects `allow` is
 * compared with the last URL.
 */
export async function browserFetch(
  url: string,
  { headers, signal }: Parameters<CheckedFetch>[1],
  allow: Parameters<CheckedFetch>[2],
  request: Fetch = (address, init) => fetch(address, init),
): Promise<Response> {
  const kept = Object.fromEntries(Object.entries(headers).filter(([name]) => /^(authorization|range)$/i.test(name)));
  const isPlain = Object.keys(kept).length === Object.keys(headers).length;
  const direct = isPlain ? undefined : await request(url, { headers, signal, redirect: "manual" });
  if (direct && direct.type !== "opaqueredirect") return direct;
  const response = await request(url, { headers: kept, signal });
  requireAllowedUrl(response.url || url, allow);
  return response;
}
