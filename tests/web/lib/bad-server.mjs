// A server on loopback that misbehaves: one path for each kind of fault.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";

/**
 * Paths:
 *   /model.gguf    the file
 *   /slow.gguf     the file, 64 KiB at a time
 *   /private.gguf  the file, only with a token
 *   /owner/repo/resolve/main/model.gguf  the file, at a model hub's path
 *   /missing       404
 *   /error         500
 *   /page.gguf     200 with HTML
 *   /sneaky.gguf   HTML with the type octet-stream
 *   /json.gguf     an error in JSON
 *   /lfs.gguf      a Git LFS pointer
 *   /short.gguf    ends early, without a length
 *   /cut.gguf      closes the connection early
 *   /empty.gguf    no bytes
 *   /stall.gguf    some bytes, then silence
 *
 * @returns {Promise<{url: string, requests: {path: string, headers: object}[], silent: () => Promise<void>,
 *   closed: () => Promise<void>, close: () => Promise<void>}>}
 */
export async function startBadServer(modelPath) {
  const size = (await stat(modelPath)).size;
  const requests = [];
  const page = "<!DOCTYPE html>\n<html><title>Sign in</title></html>";
  let whenSilent = () => {};
  let whenClosed = () => {};

  const sendModel = (response, { end = size - 1, type = "application/octet-stream", length = size } = {}) => {
    response.writeHead(200, { "content-type": type, ...(length && { "content-length": length }) });
    return createReadStream(modelPath, { end });
  };
  const routes = {
    "/model.gguf": (response) => sendModel(response).pipe(response),
    "/smollm2-135m.gguf": (response) => sendModel(response).pipe(response),
    "/owner/repo/resolve/main/model.gguf": (response) => sendModel(response).pipe(response),
    "/private.gguf": (response, request) => {
      if (request.headers.authorization === "Bearer secret") return sendModel(response).pipe(response);
      response.writeHead(401).end("authentication required");
    },
    "/slow.gguf": async (response) => {
      for await (const chunk of sendModel(response)) {
        if (response.destroyed) return;
        response.write(chunk);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      response.end();
    },
    "/error": (response) => response.writeHead(500).end("broken"),
    "/page.gguf": (response) => response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page),
    "/sneaky.gguf": (response) => response.writeHead(200, { "content-type": "application/octet-stream" }).end(page),
    "/json.gguf": (response) => response.writeHead(200).end('{"error": "no such model"}'),
    "/lfs.gguf": (response) =>
      response.writeHead(200).end("version https://git-lfs.github.com/spec/v1\noid sha256:00\n"),
    "/short.gguf": (response) => sendModel(response, { end: 30_000_000, length: 0 }).pipe(response),
    "/cut.gguf": (response) => {
      const stream = sendModel(response, { end: 20_000_000 });
      stream.on("end", () => response.destroy());
      stream.pipe(response, { end: false });
    },
    "/empty.gguf": (response) => response.writeHead(200).end(),
    "/stall.gguf": (response) => {
      response.on("close", () => whenClosed());
      const stream = sendModel(response, { end: 8_000_000 });
      stream.on("end", () => whenSilent());
      stream.pipe(response, { end: false });
    },
  };

  const server = createServer((request, response) => {
    const path = new URL(request.url, "http://host").pathname;
    requests.push({ path, headers: request.headers });
    const route = routes[path];
    if (route) void route(response, request);
    else response.writeHead(404, { "content-type": "text/html" }).end(page);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    requests,
    /** Resolves when /stall.gguf stops sending. */
    silent: () => new Promise((resolve) => (whenSilent = resolve)),
    /** Resolves when the client of /stall.gguf disconnects. */
    closed: () => new Promise((resolve) => (whenClosed = resolve)),
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
