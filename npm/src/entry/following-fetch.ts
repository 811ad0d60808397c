// `fetch` for runtimes in which redirects can be followed by hand: the caller's headers stay with the origin that they
// were given for. Browsers follow redirects themselves and remove only the header Authorization.
import { excerpt } from "../../../web/errors.js";
import type { Fetch } from "../../../web/load/sources/http-options.js";

const maxRedirects = 20;
const redirects = [301, 302, 303, 307, 308];

/** Also rejects for a redirect to a scheme other than http and https. */
export const followingFetch: Fetch = async (url, { headers, signal }) => {
  let address = url;
  let sent = headers;
  for (let count = 0; count <= maxRedirects; count++) {
    const response = await fetch(address, { headers: sent, redirect: "manual", ...(signal && { signal }) });
    const location = redirects.includes(response.status) ? response.headers.get("location") : null;
    if (location === null) return response;
    await response.body?.cancel();
    const next = new URL(location, address);
    if (!/^https?:$/.test(next.protocol)) throw new TypeError(`redirect to ${excerpt(next.protocol)}`);
    if (next.origin !== new URL(address).origin) sent = sent["range"] === undefined ? {} : { range: sent["range"] };
    address = next.href;
  }
  throw new TypeError(`more than ${maxRedirects} redirects`);
};
