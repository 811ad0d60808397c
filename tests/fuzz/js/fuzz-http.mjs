// Downloads from a server that refuses, breaks off, hides headers, ignores ranges and replaces the file: the bytes are
// those of one version of the file, or the error is typed.
import { importSource } from "../../web/lib/source.mjs";
import { committedSeeds, outcomeOf, require, runHarness } from "./harness.mjs";
import { randomFrom } from "./mutator.mjs";

// Delays between attempts pass immediately; timeouts of connections stay.
const timeout = 60_000;
const { setTimeout: realSetTimeout } = globalThis;
globalThis.setTimeout = (callback, milliseconds, ...rest) =>
  realSetTimeout(callback, milliseconds < timeout ? 0 : milliseconds, ...rest);

const refusals = [400, 401, 403, 404, 408, 410, 416, 429, 500, 503];

/** A body that errors after `end` bytes, or closes. */
function bodyOf(bytes, end, breaks, pick) {
  let at = 0;
  return new ReadableStream({
    ...(pick(2) && { type: "bytes" }),
    pull(controller) {
      if (at >= end) {
        if (breaks) return controller.error(new TypeError("terminated"));
        controller.close();
        controller.byobRequest?.respond(0);
        return;
      }
      const part = Uint8Array.from(bytes.subarray(at, Math.min(end, at + 1 + pick(40_000))));
      at += part.length;
      controller.enqueue(part);
    },
  });
}

/** `rate` of 64 answers have each fault. */
function makeServer(pick, rate) {
  const size = 1 + pick(1 << (4 + pick(14)));
  const versions = [1, 2].map((seed) => {
    const next = randomFrom(seed + pick(1000) * 2);
    return Buffer.from(Array.from({ length: size }, () => next(256)));
  });
  const has = { ranges: pick(4) > 0, etag: pick(3) > 0, date: pick(3) > 0, total: pick(4) > 0, range: pick(4) > 0 };
  const faulty = () => pick(64) < rate;
  const server = { versions, current: 0, isCut: false, requests: 0 };
  server.fetch = async (_url, init) => {
    require(++server.requests < 200, "a download ends");
    if (faulty()) throw [new TypeError("fetch failed"), undefined, "odd"][pick(3)];
    if (faulty()) server.current = 1;
    const bytes = versions[server.current];
    if (faulty()) {
      const status = refusals[pick(refusals.length)];
      return new Response("refused", { status, headers: pick(2) ? { "retry-after": "1" } : {} });
    }
    if (faulty()) return new Response("<html>", { headers: { "content-type": "text/html" } });
    const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(new Headers(init.headers).get("range") ?? "") ?? [];
    const isPart = first !== undefined && has.ranges && !faulty();
    const from = isPart ? Number(first) : 0;
    const to = isPart && last ? Math.min(Number(last) + 1, size) : size;
    const headers = {};
    if (has.etag && !faulty()) headers.etag = `${pick(4) ? "" : "W/"}"${server.current}"`;
    if (has.date && !faulty()) headers["last-modified"] = new Date(1e12 + server.current * 1e6).toUTCString();
    if (isPart && from >= size)
      return new Response("", { status: 416, headers: { "content-range": `bytes */${size}` } });
    const hasTotal = has.total && !faulty();
    if (hasTotal) headers["content-length"] = String(to - from);
    if (isPart && has.range && !faulty()) headers["content-range"] = `bytes ${from}-${to - 1}/${hasTotal ? size : "*"}`;
    const isShort = faulty();
    const end = isShort ? pick(to - from + 1) : to - from;
    const breaks = isShort && pick(2) === 1;
    // A client cannot notice that bytes are missing if no header announced them.
    if (isShort && !breaks) server.isCut = true;
    return new Response(bodyOf(bytes.subarray(from, to), end, breaks, pick), { status: isPart ? 206 : 200, headers });
  };
  return server;
}

await runHarness({
  url: import.meta.url,
  seeds: () => [...committedSeeds("fuzz-http"), Buffer.from("0123"), Buffer.from([1, 2, 3, 4, 0, 3])],
  setUp: () => importSource("web/load/sources/http.ts"),
  // The input is a seed, a rate of faults and options.
  async execute(input, _, { openUrl }) {
    const bytes = Buffer.concat([input, Buffer.alloc(8)]);
    const pick = randomFrom(bytes.readUInt32LE(0));
    const server = makeServer(pick, [0, 1, 4, 16][bytes[4] % 4]);
    const options = { headers: {}, retries: bytes[5] % 5, timeout, connections: 1, fetch: server.fetch };
    let source;
    let outcome;
    try {
      source = await openUrl("https://models.example/m.gguf", { ...options, ranges: bytes[6] % 2 === 1 });
      const parts = [];
      for (const target = new Uint8Array(1 + pick(60_000)); ; ) {
        const count = await source.read(target);
        if (count === 0) break;
        parts.push(Buffer.from(target.subarray(0, count)));
        if (pick(8) === 0) await source.pause?.();
      }
      const read = Buffer.concat(parts);
      const version = server.versions.findIndex((file) => file.subarray(0, read.length).equals(read));
      require(version >= 0, "the bytes are those of one version");
      require(server.isCut || read.length === server.versions[0].length, "the whole file is read");
      outcome = `read ${Math.min(server.requests, 6)} version ${version} ${bytes[5] % 5}`;
    } catch (error) {
      outcome = outcomeOf(error);
    }
    await source?.close();
    return outcome;
  },
});
