// `fetch` for browsers, which follow redirects themselves and do not tell where they lead. They remove Authorization
// from a request to another origin, but no other header.
import { requireAllowedUrl } from "../allow.js";
import type { CheckedFetch, Fetch } from "./http-options.js";

/**
 * A redirect is followed without the caller's headers other than Authorization. Of a chain of redirects `allow` is
 * compared with the first and the last URL.
 */
export const browserFetch = async (
  url: string,
  { headers, signal }: Parameters<CheckedFetch>[1],
  allow: Parameters<CheckedFetch>[2],
  request: Fetch = (address, init) => fetch(address, init),
): Promise<Response> => {
  requireAllowedUrl(url, allow);
  const names = Object.keys(headers);
  const kept = names.filter((name) => /^(authorization|range)$/i.test(name));
  const init = signal ? { signal } : {};
  let response = await request(url, {
    ...init,
    headers,
    redirect: kept.length < names.length ? "manual" : "follow",
  });
  if (response.type === "opaqueredirect") {
    const sent = Object.fromEntries(kept.map((name) => [name, headers[name]!]));
    response = await request(url, { ...init, headers: sent, redirect: "follow" });
  }
  requireAllowedUrl(response.url || url, allow);
  return response;
};
