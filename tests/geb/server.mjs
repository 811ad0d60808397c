// A server on loopback that generates models while it sends them and counts the bytes.
import { createServer } from "node:http";
import { Readable, pipeline } from "node:stream";

/**
 * @param models path → result of gebModel
 * @returns {Promise<{url: string, sent: (path: string) => number, close: () => Promise<void>}>} `sent`: bytes written
 *   to the network in all responses for a path
 */
export async function serveModels(models) {
  const sent = new Map();
  const server = createServer((request, response) => {
    const model = models[request.url];
    response.setHeader("access-control-allow-origin", "*"); // pages are served from another port
    if (!model) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": model.bytes });
    const before = response.socket.bytesWritten;
    const { socket } = response;
    response.on("close", () => sent.set(request.url, (sent.get(request.url) ?? 0) + socket.bytesWritten - before));
    pipeline(Readable.from(model.pieces(), { objectMode: false }), response, () => {}); // a client may disconnect
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    sent: (path) => sent.get(path) ?? 0,
    close() {
      const closed = new Promise((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      return closed;
    },
  };
}
