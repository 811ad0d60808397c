// A server on loopback with a link of a given speed, which its connections share.
import { createServer } from "node:http";

const tick = 10; // milliseconds

/**
 * `bytesPerSecond` of the link, but at most 6 MB/s for the first `slowBytes`; `latency` before each response, in
 * milliseconds; `ranges: false`: ranges are ignored. `connections`: number of responses that are sent at a time, while
 * later ones wait. `keepAlive: false`: each response closes its connection. `beside`: other files by path, which are
 * sent immediately and not counted.
 */
export async function startSlowServer(file, options) {
  const {
    bytesPerSecond,
    slowBytes = 0,
    latency = 0,
    ranges = true,
    connections = Infinity,
    keepAlive = true,
    beside = {},
  } = options;
  const counts = { requests: 0, sent: 0, concurrent: 0 };
  const waiting = [];
  const queued = []; // more than `connections`
  let failing = false;
  const server = createServer((request, response) => {
    if (beside[request.url])
      return response.writeHead(200, { "access-control-allow-origin": "*" }).end(beside[request.url]);
    counts.requests++;
    if (failing) return request.socket.resetAndDestroy();
    const asked = ranges ? /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") : null;
    const from = Number(asked?.[1] ?? 0);
    const to = asked?.[2] ? Number(asked[2]) + 1 : file.length;
    if (from >= file.length) return response.writeHead(416, { "access-control-allow-origin": "*" }).end();
    setTimeout(() => {
      response.writeHead(asked ? 206 : 200, {
        "content-type": "application/octet-stream",
        "content-length": to - from,
        etag: '"this"', // hidden from pages of other origins
        "last-modified": "Sun, 06 Nov 1994 08:49:37 GMT",
        "access-control-allow-origin": "*",
        ...(!keepAlive && { connection: "close" }),
        ...(asked && { "content-range": `bytes ${from}-${to - 1}/${file.length}` }),
      });
      const transfer = { response, at: from, to };
      (waiting.length < connections ? waiting : queued).push(transfer);
      counts.concurrent = Math.max(counts.concurrent, waiting.length);
      response.on("close", () => {
        const list = waiting.includes(transfer) ? waiting : queued;
        list.splice(list.indexOf(transfer), 1);
        if (waiting.length < connections) waiting.push(...queued.splice(0, 1));
      });
    }, latency);
  });
  // The bytes of each tick are distributed in small packets over all connections.
  const packet = 16 << 10;
  // A connection pauses above this number of unread bytes. Its bytes of a tick must fit.
  const maxUnread = Math.max(256 << 10, (bytesPerSecond * tick) / 1000);
  let last = performance.now();
  let credit = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    const rate = counts.sent < slowBytes ? Math.min(bytesPerSecond, 6e6) : bytesPerSecond;
    credit = Math.min(credit + ((now - last) / 1000) * rate, rate / 10);
    last = now;
    for (let idle = 0; credit > 0 && waiting.length > 0 && idle < waiting.length; ) {
      const transfer = waiting.shift();
      waiting.push(transfer);
      idle++;
      if (transfer.response.writableLength > maxUnread || transfer.at >= transfer.to) continue;
      idle = 0;
      const count = Math.min(packet, transfer.to - transfer.at, Math.ceil(credit));
      transfer.response.write(file.subarray(transfer.at, transfer.at + count));
      transfer.at += count;
      credit -= count;
      counts.sent += count;
      if (transfer.at === transfer.to) transfer.response.end();
    }
  }, tick);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/model.gguf`,
    counts,
    /** Resets all present and future connections. */
    fail() {
      failing = true;
      for (const { response } of [...waiting]) response.socket?.resetAndDestroy();
    },
    close() {
      clearInterval(timer);
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
