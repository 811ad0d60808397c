// Options for fetching a file.

/** The part of `fetch` that is used here. */
export type Fetch = (url: string, init: { headers: Record<string, string>; signal?: AbortSignal }) => Promise<Response>;

/** The settings that can be posted to another thread. */
export interface HttpSettings {
  headers: Record<string, string>;
  /** Attempts to resume a download that broke off, counted since it last made progress. */
  retries: number;
  /** Milliseconds without a response or a byte after which a connection counts as broken. */
  timeout: number;
  /** Simultaneous connections for one file. */
  connections: number;
}

export interface HttpOptions extends HttpSettings {
  fetch?: Fetch | undefined;
  signal?: AbortSignal | undefined;
  /** Whether to find out if the server supports ranges. */
  ranges?: boolean | undefined;
  /**
   * Whether the bytes are compared with expected hashes. Then a later answer needs no proof that it has the same
   * version of the file.
   */
  verified?: boolean | undefined;
}
