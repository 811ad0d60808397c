// `fetch` that keeps the caller's headers with the origin that they are for, and each redirect within the option
// `allow`.
import { excerpt } from "../../errors.js";
import { type AllowedPlaces, requireAllowedUrl } from "../allow.js";
import { browserFetch } from "./browser-fetch.js";
import type { CheckedFetch, Fetch, FetchInit } from "./http-options.js";

const maxRedirects = 20;
const redirects = [301, 302, 303, 307, 308];

/** The headers of a request that other origins get too. */
const publicHeaders = ({ range }: Record<string, string>): Record<string, string> =>
  range === undefined ? {} : { range };

/**
 * Follows redirects by hand if `request` returns them, and otherwise as {@link browserFetch} does. Rejects for a
 * redirect to a scheme other than http and https.
 */
export async function followRedirects(
  request: Fetch,
  url: string,
  { headers, signal }: FetchInit,
  allow: AllowedPlaces | undefined,
): Promise<Response> {
  let address = url;
  let sent = headers;
  for (let count = 0; count <= maxRedirects; count++) {
    requireAllowedUrl(address, allow);
    const response = await request(address, { headers: sent, redirect: "manual", ...(signal && { signal }) });
    if (response.type === "opaqueredirect") return browserFetch(address, { headers: sent, signal }, allow, request);
    if (response.redirected) requireAllowedUrl(response.url, allow); // `request` follows redirects nevertheless
    const location = redirects.includes(response.status) ? response.headers.get("location") : null;
    if (location === null) return response;
    await response.body?.cancel();
    const next = new URL(location, address);
    if (!/^https?:$/.test(next.protocol)) throw new TypeError(`redirect to ${excerpt(next.protocol)}`);
    if (next.origin !== new URL(address).origin) sent = publicHeaders(sent);
    address = next.href;
  }
  throw new TypeError(`more than ${maxRedirects} redirects`);
}

/** For runtimes in which redirects can be followed by hand: all but browsers. */
export const followingFetch: CheckedFetch = (url, init, allow) =>
  followRedirects((address, each) => fetch(address, each), url, init, allow);
