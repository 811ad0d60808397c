// Servers that handle ranges, lengths, versions and encodings in ways of their own: the model arrives with the right
// bytes, over one or more connections. And the caller's headers stay with the origin of the model.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { startFaultyServer } from "../lib/faulty-server.mjs";
import { rejectsWith, repository } from "../lib/model.mjs";

const file = readFileSync(join(repository, "models/reglu-tiny/reglu-tiny.gguf")); // 3.8 MB: two parallel ranges
const sha256 = createHash("sha256").update(file).digest("hex");

async function answer(source, options) {
  const model = await CamelGPTInference.load(source, {
    worker: false,
    threads: 1,
    retries: 3,
    timeout: 20_000,
    ...options,
  });
  try {
    return await model.generateText("The city was", 6);
  } finally {
    await model.dispose();
  }
}

/** Calls `run` concurrently with each combination of the values. */
async function each(values, run) {
  let all = [{}];
  for (const [name, some] of Object.entries(values))
    all = all.flatMap((one) => some.map((value) => ({ ...one, [name]: value })));
  await Promise.all(all.map(run));
}

describe("all kinds of servers", () => {
  let server;
  let expected;
  before(async () => {
    server = await startFaultyServer(file);
    expected = await answer(file);
  });
  after(() => server.close());

  const arrives = async (faults, settings, options) => {
    const { url, script, onProgress } = server.serve(faults, settings);
    assert.equal(await answer(url, { onProgress, ...options }), expected, JSON.stringify([faults, settings, options]));
    return script;
  };
  const cut = { kind: "reset", at: 2_500_000, wait: "read" };
  const isWhole = { faults: [], connections: 4 };
  const isCut = { faults: [cut], connections: 1 };

  for (const ranges of [true, false, "short", "whole", "multipart", 403, 416]) {
    test(`ranges: ${ranges}`, async () => {
      await each({ load: [isWhole, isCut], validator: [true, false] }, ({ load, validator }) =>
        arrives(load.faults, { ranges, validator }, { connections: load.connections }),
      );
    });
  }

  test("versions: one rule decides about resuming and about further connections", async () => {
    await each({ validator: [true, "date", "weak", false] }, async ({ validator }) => {
      assert.equal((await arrives([cut], { validator })).requests, 2);
      assert.equal((await arrives([], { validator }, { connections: 4 })).ranged, 2, `${validator}`);
    });
    const changing = { validator: "changing" };
    // With a hash of the file, other versions are tried.
    await arrives([cut], changing, { sha256 });
    assert.equal((await arrives([], changing, { sha256, connections: 4 })).ranged, 2);
    // Without one, they are not mixed: the first connection delivers the whole file.
    await arrives([], changing, { connections: 4 });
    await rejectsWith("network", arrives([cut], changing));
    await arrives([cut], { validator: "once" });
    await rejectsWith("network", arrives([cut, { kind: "swap" }, { kind: "swap" }], { validator: "once" }));
    await rejectsWith("integrity", arrives([cut, { kind: "swap" }], { validator: false }, { sha256 }));
  });

  test("encodings: identity is none, and a compressed download resumes with uncompressed ranges", async () => {
    const values = { encoding: ["identity", "gzip", "br"], ranges: [true, false], validator: ["suffix", false] };
    await each(values, async (one) => {
      assert.equal((await arrives([], one)).requests, 1);
      await arrives([{ ...cut, at: 1_000_000 }], one);
    });
  });

  test("no length and no total: the end is where the server ends", async () => {
    const values = { load: [isWhole, isCut], ranges: [true, false, "short"], validator: [true, false] };
    await each(values, ({ load, ranges, validator }) =>
      arrives(load.faults, { ranges, validator, length: false }, { connections: load.connections }),
    );
  });

  test("ranges without Content-Range, which CORS can hide: the size is where the server refuses a range", async () => {
    const values = {
      load: [isWhole, isCut],
      ranges: [true, "short", "whole", false],
      validator: [true, "date", false],
      length: [true, false],
    };
    await each(values, async ({ load, ...settings }) => {
      const { ranged } = await arrives(load.faults, { ...settings, named: false }, { connections: load.connections });
      const { ranges, validator, length } = settings;
      if (load === isWhole && ranges === true && validator && length) assert.ok(ranged > 0);
    });
  });

  test("Retry-After is a number of seconds or a date", async () => {
    const waits = async (after) => {
      const { times } = await arrives([{ kind: "busy", status: 429, after }]);
      return times[1] - times[0];
    };
    const [seconds, date, past, nonsense] = await Promise.all([
      waits("2"),
      waits(() => new Date(Date.now() + 2000).toUTCString()),
      waits("Sun, 06 Nov 1994 08:49:37 GMT"),
      waits("soon"),
    ]);
    assert.ok(seconds >= 1990, `${seconds} ms`);
    assert.ok(date >= 1000, `${date} ms`);
    assert.ok(past < 1500, `${past} ms`);
    assert.ok(nonsense < 1500, `${nonsense} ms`);
  });

  test("a range other than the requested one is a typed error", async () => {
    const { found } = await rejectsWith("network", arrives([{ kind: "shift" }], {}, { connections: 4 }));
    assert.match(found, /another part/);
  });
});

describe("the caller's headers", () => {
  const headers = { Authorization: "Bearer secret", "X-Api-Key": "secret" };
  const servers = [];
  async function serve(listener) {
    const requests = [];
    const server = createServer((request, response) => {
      requests.push(request);
      listener(request, response);
    });
    servers.push(server);
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    return { url: `http://127.0.0.1:${server.address().port}`, requests };
  }
  after(() => {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  });
  const sendFile = (_, response) => response.writeHead(200, { "content-length": file.length }).end(file);
  const secrets = ({ requests }) => requests.filter(({ headers: sent }) => JSON.stringify(sent).includes("secret"));

  test("follow a redirect within the origin, and not one to another", async () => {
    const other = await serve(sendFile);
    const own = await serve((request, response) => {
      const location = { "/a.gguf": "/b.gguf", "/b.gguf": `${other.url}/c.gguf` }[request.url];
      response.writeHead(302, { location }).end();
    });
    for (const worker of [true, false]) await answer(`${own.url}/a.gguf`, { headers, worker });
    assert.equal(secrets(own).length, 4);
    assert.equal(other.requests.length, 2);
    assert.deepEqual(secrets(other), []);
  });

  test("a redirect without end, or to another scheme, is a typed error", async () => {
    for (const location of ["/again", "file:///etc/passwd", "data:application/octet-stream;base64,R0dVRg=="]) {
      const { url } = await serve((_, response) => response.writeHead(302, { location }).end());
      for (const options of [{}, { headers }])
        await rejectsWith("network", answer(`${url}/model.gguf`, { ...options, retries: 0 }));
    }
  });

  test("do not reach a sidecar or a file of the model at another origin", async () => {
    const own = await serve(sendFile);
    const other = await serve(sendFile);
    const epdp = { epdp: "balanced", sidecar: `${other.url}/model.epdp`, headers };
    await assert.rejects(answer(`${own.url}/model.gguf`, epdp));
    await assert.rejects(answer(file, epdp));
    const shards = ["1", "2"].map((number) => `m-0000${number}-of-00002.gguf`);
    const manifests = [`${own.url}/`, `${other.url}/`];
    await assert.rejects(
      answer(
        manifests.map((base, i) => base + shards[i]),
        { headers },
      ),
    );
    assert.deepEqual(secrets(other), []);
    assert.ok(other.requests.length >= 1);
    assert.ok(secrets(own).length >= 1);
  });
});
