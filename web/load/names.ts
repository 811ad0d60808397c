// Short names of files and URLs, for people.

/** The last segment of a path or URL. */
export function fileName(path: string): string {
  const clean = path.split(/[?#]/, 1)[0] ?? path;
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
