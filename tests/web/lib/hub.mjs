// A model hub with the part of Hugging Face's API that the package uses: lists of files, and the files.
import { createHash } from "node:crypto";
import { createServer } from "node:http";

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/**
 * @param repositories name → `{files: {path: Buffer}, revision?, token?, isTextLfs?}`; a repository with a `token` is
 *   private
 */
export async function startHub(repositories) {
  const hub = {
    url: "",
    /** Of each request: `{method, path, headers}`. */
    requests: [],
    /** Entries on a page of a list. */
    pageSize: 1000,
    /** Answers a request instead of the hub if it returns true. */
    intercept: undefined,
    /** Bytes after which the next answer with a file breaks off. */
    breakAfter: Infinity,
    /** Milliseconds between two writes of 16 KiB. */
    delay: 0,
    /** Paths that were requested since the last call. */
    paths: () => hub.requests.splice(0).map(({ path }) => path),
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };

  const server = createServer((request, response) => {
    response.setHeader("access-control-allow-origin", "*");
    response.setHeader("access-control-expose-headers", "link, etag, content-range");
    hub.requests.push({ method: request.method, path: request.url, headers: request.headers });
    if (hub.intercept?.(request, response)) return;
    const { pathname, searchParams } = new URL(request.url, hub.url);
    const [, owner, name, revision, path] =
      /^\/(?:api\/models\/)?([^/]+)\/([^/]+)\/(?:tree|resolve)\/([^/]+)(?:\/(.+))?$/.exec(pathname) ?? [];
    const repository = repositories[`${owner}/${name}`];
    const isAllowed = !repository?.token || request.headers.authorization === `Bearer ${repository.token}`;
    // As Hugging Face does, a stranger is not told which private repositories exist.
    if (!repository || !isAllowed) return refuse(response, 401, "Invalid username or password.");
    if (decodeURIComponent(revision) !== (repository.revision ?? "main"))
      return refuse(response, 404, "Invalid rev id");
    if (pathname.startsWith("/api/")) return sendList(repository, Number(searchParams.get("cursor") ?? 0), response);
    const bytes = repository.files[decodeURIComponent(path)];
    if (!bytes) return refuse(response, 404, "Entry not found");
    return sendFile(bytes, request, response);
  });

  function sendList(repository, from, response) {
    const entries = Object.entries(repository.files).map(([path, bytes]) => ({
      type: "file",
      oid: createHash("sha1").update(bytes).digest("hex"),
      size: bytes.length,
      path,
      ...(/\.gguf$/.test(path) &&
        !repository.isTextLfs && { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 134 } }),
    }));
    const to = from + hub.pageSize;
    const headers = { "content-type": "application/json" };
    if (to < entries.length) {
      const next = new URL(hub.requests.at(-1).path, hub.url);
      next.searchParams.set("cursor", to);
      headers.link = `<${next.href}>; rel="next"`;
    }
    response.writeHead(200, headers).end(JSON.stringify(entries.slice(from, to)));
  }

  async function sendFile(bytes, request, response) {
    const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
    const from = Number(first ?? 0);
    const to = last ? Number(last) + 1 : bytes.length;
    response.writeHead(first === undefined ? 200 : 206, {
      "content-type": "application/octet-stream",
      "content-length": to - from,
      etag: `"${sha256(bytes)}"`,
      ...(first !== undefined && { "content-range": `bytes ${from}-${to - 1}/${bytes.length}` }),
    });
    const end = from + Math.min(to - from, hub.breakAfter);
    for (let at = from; at < end && !response.destroyed; at += 16 << 10) {
      response.write(bytes.subarray(at, Math.min(at + (16 << 10), end)));
      if (hub.delay > 0) await new Promise((resolve) => setTimeout(resolve, hub.delay));
    }
    if (end < to) setTimeout(() => response.destroy(), 20);
    else response.end();
  }

  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  hub.url = `http://127.0.0.1:${server.address().port}`;
  return hub;
}

/** Returns true, as an `intercept` does. */
export function refuse(response, status, error) {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ error }));
  return true;
}
