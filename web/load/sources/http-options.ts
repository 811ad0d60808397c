// Options for fetching a file.
import type { AllowedPlaces } from "../allow.js";

export interface FetchInit {
  headers: Record<string, string>;
  signal?: AbortSignal | undefined;
  /** `manual`: a redirect is the response. The default is to follow it. */
  redirect?: "follow" | "manual";
}

/** The part of `fetch` that is used here. */
export type Fetch = (url: string, init: FetchInit) => Promise<Response>;

/** The same as {@link Fetch}, but rejects with `not-allowed` for a URL, or a redirect to one, outside of `allow`. */
export type CheckedFetch = (
  url: string,
  init: Omit<FetchInit, "redirect">,
  allow: AllowedPlaces | undefined,
) => Promise<Response>;

/** The settings that can be posted to another thread. */
export interface HttpSettings {
  /** Sent to the origin of the URL, and to no other one after a redirect. */
  headers: Record<string, string>;
  /** The keyed digest of the headers. Without one, a download with headers is not kept. */
  headerKey?: string | undefined;
  /** The places that may be opened; undefined: all. */
  allow?: AllowedPlaces | undefined;
  /** Attempts to resume a download that broke off, counted since it last made progress. */
  retries: number;
  /** Milliseconds without a response or a byte after which a connection counts as broken. */
  timeout: number;
  /** Simultaneous connections for one file. */
  connections: number;
}

export interface HttpOptions extends HttpSettings {
  fetch?: CheckedFetch | undefined;
  signal?: AbortSignal | undefined;
  /** Whether to find out if the server supports ranges. */
  ranges?: boolean | undefined;
  /**
   * Whether the bytes are compared with expected hashes. Then a later answer needs no proof that it has the same
   * version of the file.
   */
  verified?: boolean | undefined;
}
