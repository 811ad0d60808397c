// Short names of files and URLs, for people.

/** The last segment of a path or URL. Only a URL has a query, which is left out. */
export function fileName(path: string, isAddress: boolean): string {
  const clean = isAddress ? (path.split(/[?#]/, 1)[0] ?? path) : path;
  return clean.split(/[\\/]/).filter(Boolean).pop() ?? path;
}

/** A URL without query and credentials, which may contain secrets. */
export function shortUrl(url: string): string {
  try {
    const { protocol, host, pathname } = new URL(url);
    return protocol === "data:" ? "a data: URL" : `${protocol}//${host}${pathname}`;
  } catch {
    return url;
  }
}

/** Returns undefined for an invalid URL. */
export function originOf(url: string): string | undefined {
  try {
    return new URL(url).origin;
  } catch {
    return undefined;
  }
}
