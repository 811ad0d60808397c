// A server on loopback that injects faults from a script, one for each request of an address.
import { createServer } from "node:http";

/**
 * Faults. `at` is the byte of the file where the fault happens, `wait` the milliseconds for the client to read the
 * bytes before it:
 *   close     closes the connection after that byte, like a complete response
 *   reset     resets it
 *   stall     sends nothing more
 *   busy      answers 503
 *   refuse    resets the connection before an answer
 *   html      answers with a page
 *   shift     answers with a range that begins one byte late
 *   change    answers with another version of the file
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
     * Adds an address with its own faults: `faults` in order, then none. `ranges: false`: ranges are ignored;
     * `validator: false`: neither ETag nor date.
     */
    serve(faults, { ranges = true, validator = true } = {}) {
      const path = `/${scripts.size}/model.gguf`;
      const script = { faults: [...faults], ranges, validator, requests: 0, sent: 0, missing: [] };
      scripts.set(path, script);
      return { url: `${url}${path}`, script };
    },
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(script, request, response, file) {
  script.requests++;
  const { kind, at = 0, wait = 50 } = script.faults.shift() ?? { kind: "none" };
  if (kind === "refuse") return request.socket.resetAndDestroy();
  if (kind === "busy") return response.writeHead(503, { "retry-after": "0" }).end("later");
  if (kind === "html") return response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><p>Sign in");
  if (kind === "loop") return response.writeHead(302, { location: request.url }).end();
  const asked = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  const isPart = script.ranges && request.headers.range !== undefined;
  if (isPart && asked >= file.length)
    return response.writeHead(416, { "content-range": `bytes */${file.length}` }).end();
  const start = isPart ? asked + (kind === "shift" ? 1 : 0) : 0;
  script.missing.push(file.length - asked);
  response.writeHead(isPart ? 206 : 200, {
    "content-type": "application/octet-stream",
    "content-length": file.length - start + (kind === "lie" ? 1000 : 0),
    ...(script.validator && { etag: kind === "change" ? '"another"' : '"this"' }),
    ...(isPart && { "content-range": `bytes ${start}-${file.length - 1}/${file.length}` }),
  });
  const end = ["close", "reset", "stall"].includes(kind) ? Math.max(start, at) : file.length;
  script.sent += end - start;
  await new Promise((resolve) => response.write(file.subarray(start, end), resolve));
  // Leave the client time to read the bytes.
  if (kind === "close" || kind === "reset") await new Promise((resolve) => setTimeout(resolve, wait));
  if (kind === "close" || kind === "lie") request.socket.end();
  else if (kind === "reset") request.socket.resetAndDestroy();
  else if (kind !== "stall") response.end();
}
