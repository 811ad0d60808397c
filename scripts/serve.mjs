// An HTTP server on the loopback interface for the demo, the built package and the models, with the media types,
// lengths and ranges that browsers require. For development and tests, not for production.
import { createReadStream, realpathSync } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, sep } from "node:path";
import { parseArgs } from "node:util";
import { pipeline } from "node:stream";
import { cacheFolder } from "./lib/cache.mjs";
import { Problem, isMain, repositoryRoot, runMain, say } from "./lib/run.mjs";

const mediaTypes = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".map": "application/json; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
};

/** Headers that make a page cross-origin isolated, a condition of shared memory. */
const isolationHeaders = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
};

/**
 * Serves /demo/, /docs/, /npm/dist/, and models: /models/<release>.gguf, sidecars (<release>.epdp) and a list,
 * index.json.
 * @param options.port     0 (default) selects a free port
 * @param options.models   release name → path (default: smollm2-135m in the cache)
 * @param options.mounts   additional folders: "/prefix/" → folder
 * @param options.headers  added to every response
 * @param options.isolated makes pages cross-origin isolated, which threads require (default true)
 * @returns `{url, close}`; `url` has no trailing slash
 */
export async function serve({ port = 0, models, mounts = {}, headers = {}, isolated = true } = {}) {
  const folders = {
    "/demo/": join(repositoryRoot, "build/demo"),
    "/docs/": join(repositoryRoot, "build/site"),
    "/npm/dist/": join(repositoryRoot, "npm/dist"),
    ...mounts,
  };
  const files = {};
  for (const [name, path] of Object.entries(models ?? { "smollm2-135m": cacheFolder("models", "smollm2-135m.gguf") })) {
    files[`/models/${name}.gguf`] = path;
    files[`/models/${name}.epdp`] = path.replace(/(\.gguf)?$/, ".epdp");
  }
  const everyAnswer = { ...(isolated ? isolationHeaders : {}), ...headers };

  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(everyAnswer)) response.setHeader(name, value);
    answer(request, response, folders, files).catch((error) => {
      if (!response.headersSent) response.writeHead(500);
      response.end();
      say(`serve: ${request.url}: ${error.message}`);
    });
  });
  await new Promise((listening, failed) => {
    server.once("error", (error) => failed(new Problem(`cannot listen on port ${port}: ${error.message}`)));
    server.listen(port, "127.0.0.1", listening);
  });
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close() {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      return closed;
    },
  };
}

async function answer(request, response, folders, files) {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return response.writeHead(405, { allow: "GET, HEAD" }).end();
  }
  const address = new URL(request.url, "http://localhost");
  if (address.pathname === "/models/index.json") return sendList(response, files);
  if (address.pathname === "/") return response.writeHead(302, { location: "/demo/" }).end();
  const path = await findFile(address.pathname, folders, files);
  if (path === undefined) return response.writeHead(404, { "content-type": "text/plain" }).end("not found\n");
  if (path.endsWith("/")) return response.writeHead(301, { location: path + address.search }).end();
  await sendFile(request, response, path);
}

/** Sends the names, addresses and sizes of the models. */
async function sendList(response, files) {
  const models = [];
  for (const [address, path] of Object.entries(files)) {
    const [, name] = /^\/models\/(.+)\.gguf$/.exec(address) ?? [];
    if (!name || !(await isFile(path))) continue;
    const sidecar = (await isFile(files[`/models/${name}.epdp`])) ? `${name}.epdp` : undefined;
    models.push({ name, file: `${name}.gguf`, bytes: (await stat(path)).size, sidecar });
  }
  response.writeHead(200, { "content-type": mediaTypes[".json"], "cache-control": "no-cache" });
  response.end(JSON.stringify(models));
}

/** The path of a file, the URL path of a folder with its trailing slash to redirect to, or undefined. */
async function findFile(urlPath, folders, files) {
  let path;
  try {
    path = decodeURIComponent(urlPath);
  } catch {
    return undefined;
  }
  if (path.includes("\0") || path.includes("\\")) return undefined;
  if (Object.hasOwn(files, path)) return (await isFile(files[path])) ? files[path] : undefined;
  if (Object.hasOwn(folders, `${path}/`)) return `${path}/`;
  const prefix = Object.keys(folders).find((each) => path.startsWith(each));
  if (!prefix) return undefined;
  const relative = path.slice(prefix.length);
  try {
    // Compare real paths: neither ".." nor a symbolic link may leave the folder.
    const folder = realpathSync(folders[prefix]);
    const file = realpathSync(
      join(folder, relative === "" || relative.endsWith("/") ? `${relative}index.html` : relative),
    );
    return file.startsWith(folder + sep) && (await isFile(file)) ? file : undefined;
  } catch {
    return undefined;
  }
}

async function isFile(path) {
  return stat(path).then(
    (status) => status.isFile(),
    () => false,
  );
}

async function sendFile(request, response, path) {
  const { size, mtimeMs } = await stat(path);
  const etag = `"${size.toString(16)}-${Math.floor(mtimeMs).toString(16)}"`;
  const headers = {
    "accept-ranges": "bytes",
    "cache-control": "no-cache",
    "content-type": mediaTypes[extname(path)] ?? "application/octet-stream",
    etag,
    "x-content-type-options": "nosniff",
  };
  if (request.headers["if-none-match"] === etag) return response.writeHead(304, headers).end();

  const ifRange = request.headers["if-range"];
  const range = ifRange === undefined || ifRange === etag ? parseRange(request.headers.range, size) : undefined;
  if (range === "unsatisfiable") {
    return response.writeHead(416, { ...headers, "content-range": `bytes */${size}` }).end();
  }
  const { start, end } = range ?? { start: 0, end: size - 1 };
  headers["content-length"] = end - start + 1;
  if (range) headers["content-range"] = `bytes ${start}-${end}/${size}`;
  response.writeHead(range ? 206 : 200, headers);
  if (request.method === "HEAD" || size === 0) return response.end();
  if (response.destroyed) return; // the client disconnected
  // A disconnected client is not an error. An unreadable file closes the connection.
  pipeline(createReadStream(path, { start, end, highWaterMark: 1 << 18 }), response, () => {});
}

/** `{start, end}` (both inclusive), "unsatisfiable", or undefined to send the whole file. */
function parseRange(header, size) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? ""); // several ranges: a server may send the whole file
  if (!match || (match[1] === "" && match[2] === "")) return undefined;
  if (match[1] === "") {
    const length = Math.min(Number(match[2]), size);
    return length > 0 ? { start: size - length, end: size - 1 } : "unsatisfiable";
  }
  const start = Number(match[1]);
  const end = match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (match[2] !== "" && Number(match[2]) < start) return undefined;
  return start < size ? { start, end } : "unsatisfiable";
}

/** An integer from 0 to 65535. Throws a Problem for other text. */
export function portOf(text) {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65535) throw new Problem(`--port must be a number from 0 to 65535, not "${text}"`);
  return port;
}

if (isMain(import.meta.url)) {
  await runMain(async () => {
    const { values } = parseArgs({
      options: { port: { type: "string", default: "8080" }, "not-isolated": { type: "boolean" } },
    });
    const { url } = await serve({ port: portOf(values.port), isolated: !values["not-isolated"] });
    say(`serve: the demo is at ${url}/demo/ (Ctrl-C to stop)`);
  });
}
