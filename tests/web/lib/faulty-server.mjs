// A server on loopback that injects faults from a script, one for each request of an address, and answers as servers do
// that have no ETag, compress files or handle ranges in ways of their own.
import { createServer } from "node:http";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

/**
 * Faults. `at` is the byte of the file where the fault happens, `wait` the milliseconds for the client to read the
 * bytes before it, or `read`: until the load has reported the first bytes to `onProgress`.
 *   close     closes the connection after that byte, like a complete response
 *   reset     resets it
 *   stall     sends nothing more
 *   busy      answers 503, or `status`, with Retry-After: `after`, a text or a function
 *   refuse    resets the connection before an answer
 *   html      answers with a page
 *   shift     answers with a range that begins one byte late
 *   change    answers with another version of the file, which has the same bytes
 *   swap      answers with another file of the same size, without saying so
 *   grow      answers with a file that is one byte longer, without saying so
 *   lie       announces more bytes than it sends
 *   loop      redirects to itself
 *   none      answers correctly
 */
export async function startFaultyServer(file) {
  const scripts = new Map();
  const server = createServer(
    (request, response) =>
      void answer(scripts.get(new URL(request.url, "http://host").pathname), request, response, file),
  );
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  return {
    /**
     * Adds an address with its own faults: `faults` in order, then none.
     *
     * `ranges`: whether ranges are supported; or `short`: at most 1 MiB of a range; `whole`: status 206 with the whole
     * file for every request; `multipart`: a body of several parts; a number: the status of a refusal.
     * `validator`: whether there is an ETag; or `date`: a date instead; `weak`: a weak ETag; `changing`: another ETag
     * for each response; `once`: an ETag in the first response only; `suffix`: an ETag that depends on the encoding.
     * `encoding`: `identity`, `gzip`, `br`, or `stored`: gzip that makes the file longer. Requests for ranges get the
     * uncompressed file.
     * `length: false`: no Content-Length and no total. `named: false`: no Content-Range, as if CORS hid it.
     * `exposed: false`: pages of other origins see neither ETag, range nor encoding.
     *
     * Returns the `script`, which counts requests, and the `onProgress` of the load.
     */
    serve(faults, settings = {}) {
      const path = `/${scripts.size}/model.gguf`;
      const script = { ranges: true, validator: true, length: true, named: true, ...settings };
      Object.assign(script, { faults: [...faults], requests: 0, ranged: 0, sent: 0, missing: [], times: [] });
      scripts.set(path, script);
      let resolve;
      script.hasRead = new Promise((onRead) => {
        resolve = onRead;
      });
      return { url: `${url}${path}`, script, onProgress: ({ loaded }) => loaded > 0 && resolve() };
    },
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

const compressed = new WeakMap();

function encoded(file, encoding) {
  if (!compressed.has(file)) compressed.set(file, {});
  return (compressed.get(file)[encoding] ??= compress[encoding](file));
}

const fastest = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };
const compress = {
  gzip: (bytes) => gzipSync(bytes, { level: 1 }),
  stored: (bytes) => gzipSync(bytes, { level: 0 }),
  br: (bytes) => brotliCompressSync(bytes, fastest),
};

function changed(file, kind) {
  if (kind === "swap") return file.map((byte) => byte ^ 1);
  return kind === "grow" ? Buffer.concat([file, Buffer.from("x")]) : file;
}

function validators({ validator, requests }, kind, encoding) {
  if (kind === "change") return { etag: '"another"' };
  switch (validator) {
    case false:
      return {};
    case "date":
      return { "last-modified": "Sun, 06 Nov 1994 08:49:37 GMT" };
    case "weak":
      return { etag: 'W/"this"' };
    case "changing":
      return { etag: `"${requests}"` };
    case "once":
      return requests === 1 ? { etag: '"this"' } : {};
    case "suffix":
      return { etag: encoding ? `W/"this-${encoding}"` : '"this"' };
  }
  return { etag: '"this"' };
}

async function answer(script, request, response, original) {
  const { ranges, encoding, length, named, exposed = true } = script;
  script.requests++;
  script.times.push(Date.now());
  const { kind, at = 0, wait = 50, status = 503, after = "0" } = script.faults.shift() ?? { kind: "none" };
  response.setHeader("access-control-allow-origin", "*");
  if (exposed) response.setHeader("access-control-expose-headers", "etag, content-range, content-encoding");
  if (kind === "refuse") return request.socket.resetAndDestroy();
  if (kind === "busy") {
    response.writeHead(status, { "retry-after": typeof after === "function" ? after() : after });
    return response.end("later");
  }
  if (kind === "html") return response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><p>Sign in");
  if (kind === "loop") return response.writeHead(302, { location: request.url }).end();
  const asked = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  if (asked) script.ranged++;
  if (asked && typeof ranges === "number") return response.writeHead(ranges).end();
  const isPart = (asked && ranges !== false) || ranges === "whole";
  const isEncoded = !isPart && compress[encoding] !== undefined;
  const file = changed(isEncoded ? encoded(original, encoding) : original, kind);
  const from = Number(asked?.[1] ?? 0);
  if (isPart && from >= file.length)
    return response.writeHead(416, named && { "content-range": `bytes */${file.length}` }).end();
  const isRanged = isPart && ranges !== "whole";
  const start = isRanged ? from + (kind === "shift" ? 1 : 0) : 0;
  const last = isRanged && asked[2] ? Number(asked[2]) + 1 : file.length;
  const stop = ranges === "short" && isPart ? Math.min(last, start + (1 << 20)) : last;
  script.missing.push(file.length - from);
  response.writeHead(isPart ? 206 : 200, {
    "content-type": ranges === "multipart" && isPart ? "multipart/byteranges; boundary=x" : "application/octet-stream",
    ...(length && { "content-length": stop - start + (kind === "lie" ? 1000 : 0) }),
    ...validators(script, kind, isEncoded && encoding),
    ...(isPart && named && { "content-range": `bytes ${start}-${stop - 1}/${length ? file.length : "*"}` }),
    ...((isEncoded || encoding === "identity") && {
      "content-encoding": encoding === "stored" ? "gzip" : encoding,
    }),
  });
  const end = ["close", "reset", "stall"].includes(kind) ? Math.min(Math.max(start, at), stop) : stop;
  script.sent += end - start;
  await new Promise((resolve) => response.write(file.subarray(start, end), resolve));
  if (kind === "close" || kind === "reset") {
    await (wait === "read" ? script.hasRead : new Promise((resolve) => setTimeout(resolve, wait)));
  }
  if (kind === "close" || kind === "lie") request.socket.end();
  else if (kind === "reset") request.socket.resetAndDestroy();
  else if (kind !== "stall") response.end();
}
