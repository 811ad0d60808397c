// Models split into several files: every kind of source, and files that are missing, truncated, mixed up or out of
// order.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { rejectsWith, repository } from "../lib/model.mjs";
import { splitGguf } from "../lib/split-gguf.mjs";

const whole = readFileSync(join(repository, "models/reglu-tiny/reglu-tiny.gguf"));
const nameOf = (stem, number, count) => `${stem}-0000${number}-of-0000${count}.gguf`;

async function answerOf(source, options) {
  const model = await CamelGPTInference.load(source, { contextLength: 64, threads: 1, ...options });
  try {
    return (await model.stream("Once upon a time", { maxTokens: 12, temperature: 0 })).tokens;
  } finally {
    await model.dispose();
  }
}

describe("split models", () => {
  let folder, server, url, expected;
  const requests = [];
  const files = splitGguf(whole, 3);
  const put = (name, bytes) => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };
  const putAll = (stem, parts) => parts.map((bytes, i) => put(nameOf(stem, i + 1, parts.length), bytes));
  const fails = (code, source, options) => rejectsWith(code, answerOf(source, options));

  before(async () => {
    expected = await answerOf(whole);
    folder = mkdtempSync(join(tmpdir(), "camelgpt-test-"));
    putAll("m", files);
    server = createServer((request, response) => {
      const path = decodeURIComponent(new URL(request.url, "http://host").pathname);
      const name = path.includes("#") ? path.split("/").slice(-2).join("/") : basename(path);
      requests.push(name);
      let bytes;
      try {
        bytes = readFileSync(join(folder, name));
      } catch {
        return response.writeHead(404).end();
      }
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
      response.writeHead(from > 0 ? 206 : 200, {
        "content-length": bytes.length - from,
        etag: `"${encodeURIComponent(name)}"`,
        ...(from > 0 && { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
      });
      response.end(bytes.subarray(from));
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${server.address().port}`;
  });
  after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  });

  test("paths may contain letters that have a meaning in URLs", async () => {
    for (const name of ["C# models", "what?", "100 %20", "é&=+"]) {
      const inside = join(folder, name);
      mkdirSync(inside);
      files.forEach((bytes, i) => writeFileSync(join(inside, nameOf("m#1", i + 1, 3)), bytes));
      const paths = files.map((_, i) => join(inside, nameOf("m#1", i + 1, 3)));
      for (const source of [paths[0], pathToFileURL(paths[0]), [...paths].reverse()])
        assert.deepEqual(await answerOf(source), expected, String(source));
    }
    const address = `${url}/${encodeURIComponent("C# models")}/${encodeURIComponent("m#1")}-00001-of-00003.gguf?a=1#b`;
    assert.deepEqual(await answerOf(address), expected);
    assert.deepEqual(await answerOf("owner/repo/C# models/m#1-00001-of-00003.gguf", { hub: url }), expected);
  });

  for (const worker of [true, false]) {
    test(`the path, file: URL or address of the first file loads all files (worker: ${worker})`, async () => {
      const first = nameOf("m", 1, 3);
      assert.deepEqual(await answerOf(join(folder, first), { worker }), expected);
      assert.deepEqual(await answerOf(pathToFileURL(join(folder, first)), { worker }), expected);
      assert.deepEqual(await answerOf(`${url}/${first}?download=1`, { worker }), expected);
      assert.deepEqual(await answerOf(`owner/repo/${first}`, { worker, hub: url }), expected);
      assert.deepEqual(
        await answerOf(`https://host.invalid/${first}`, {
          worker,
          fetch: (address, init) => fetch(url + new URL(address).pathname, init),
        }),
        expected,
      );
    });

    test(`Blobs and bytes in order, and Files in any order (worker: ${worker})`, async () => {
      assert.deepEqual(
        await answerOf(
          files.map((bytes) => new Blob([bytes])),
          { worker },
        ),
        expected,
      );
      assert.deepEqual(await answerOf(files, { worker }), expected);
      const named = files.map((bytes, i) => new File([bytes], nameOf("model", i + 1, 3)));
      assert.deepEqual(await answerOf([named[2], named[0], named[1]], { worker }), expected);
      assert.deepEqual(
        await answerOf(
          [`${url}/${nameOf("m", 3, 3)}`, join(folder, nameOf("m", 1, 3)), new File([files[1]], nameOf("m", 2, 3))],
          { worker },
        ),
        expected,
      );
    });
  }

  test("the first file may have tensors too", async () => {
    assert.deepEqual(await answerOf(splitGguf(whole, 2, { emptyFirst: false })), expected);
  });

  test("of many files few connections stay open, and each resumes at its position", async () => {
    const many = putAll("many", splitGguf(whole, 7, { emptyFirst: false }));
    requests.length = 0;
    assert.deepEqual(await answerOf(`${url}/${basename(many[0])}`), expected);
    const names = many.map((path) => basename(path));
    assert.deepEqual(requests, [...names, ...names.slice(0, -1)]);
  });

  test("each file is stored separately and reused", async () => {
    const given = process.env.XDG_CACHE_HOME;
    process.env.XDG_CACHE_HOME = join(folder, "cache");
    try {
      const address = `${url}/${nameOf("m", 1, 3)}`;
      assert.deepEqual(await answerOf(address, { cache: true }), expected);
      const kept = await CamelGPTInference.listCached();
      assert.deepEqual(kept.map(({ bytes }) => bytes).sort(), files.map(({ length }) => length).sort());
      requests.length = 0;
      assert.deepEqual(await answerOf(address, { cache: true }), expected);
      assert.deepEqual(requests, []);
    } finally {
      if (given === undefined) delete process.env.XDG_CACHE_HOME;
      else process.env.XDG_CACHE_HOME = given;
    }
  });

  test("progress counts all files together and never decreases", async () => {
    const events = [];
    await answerOf(join(folder, nameOf("m", 1, 3)), { onProgress: (event) => events.push(event) });
    events.forEach(({ loaded }, i) => assert.ok(i === 0 || loaded >= events[i - 1].loaded));
    const { status, loaded, total, progress } = events.at(-1);
    assert.equal(status, "ready");
    assert.equal(progress, 100);
    assert.equal(loaded, total);
    assert.ok(total > 0.95 * whole.length);
  });

  test("inspect describes the whole model", async () => {
    const inspection = await CamelGPTInference.inspect(join(folder, nameOf("m", 1, 3)));
    const { tensors, memoryPlan, parameters } = await CamelGPTInference.inspect(whole);
    const byName = (a, b) => (a.name < b.name ? -1 : 1);
    assert.deepEqual(inspection.tensors.sort(byName), tensors.sort(byName));
    assert.equal(inspection.parameters, parameters);
    assert.equal(inspection.memoryPlan.weightBytes, memoryPlan.weightBytes);
    assert.equal(inspection.metadata["split.count"], 3);
  });

  test("a missing file is named", async () => {
    putAll("gap", files);
    rmSync(join(folder, nameOf("gap", 2, 3)));
    const first = nameOf("gap", 1, 3);
    assert.match((await fails("not-found", join(folder, first))).message, /gap-00002-of-00003\.gguf/);
    assert.match((await fails("not-found", pathToFileURL(join(folder, first)))).message, /gap-00002-of-00003\.gguf/);
    assert.match((await fails("not-found", `${url}/${first}`)).message, /gap-00002-of-00003\.gguf/);
    const named = [1, 3].map((number) => new File([files[number - 1]], nameOf("gap", number, 3)));
    assert.match((await fails("not-found", named)).message, /gap-00002-of-00003\.gguf/);
  });

  test("a file other than the first is refused with the name to use", async () => {
    assert.match((await fails("bad-option", join(folder, nameOf("m", 2, 3)))).hint, /m-00001-of-00003\.gguf/);
    const error = await fails("bad-input", new Blob([files[1]]));
    assert.equal(error.found, "file 2 of 3");
    assert.match(error.hint, /-00001-of-00003\.gguf/);
  });

  test("incomplete lists of files are refused with the expected number", async () => {
    for (const source of [files[0], [files[0], files[1]], put("first.gguf", files[0])]) {
      assert.equal((await fails("bad-input", source)).expected, "3 files");
    }
    assert.match((await fails("bad-input", put("first.gguf", files[0]))).message, /^first\.gguf is one of the files/);
    assert.match((await fails("bad-input", [whole, whole])).message, /whole model/);
    await fails("bad-option", []);
  });

  test("files of two models are refused", async () => {
    const other = splitGguf(readFileSync(join(repository, "models/stlm-tiny/stlm-tiny.gguf")), 3);
    await fails("bad-format", [files[0], other[1], files[2]]);
    await fails("bad-input", [files[0], files[2], files[1]]);
    await fails("bad-input", [files[0], splitGguf(whole, 4)[1], files[2]]);
    const named = (stem, i) => new File([files[i]], nameOf(stem, i + 1, 3));
    assert.match((await fails("bad-option", [named("a", 0), named("b", 1), named("a", 2)])).found, /b-00002/);
    await fails("bad-option", [named("a", 0), named("a", 1), named("a", 2), named("a", 2)]);
  });

  test("a truncated file is named, whether in its header or its tensors", async () => {
    for (const size of [0, 10, 200, files[1].length - 1000]) {
      const paths = putAll("cut", files);
      put(basename(paths[1]), files[1].subarray(0, size));
      const error = await fails("truncated", paths[0]);
      assert.match(error.message, /cut-00002-of-00003\.gguf/);
    }
    const page = [files[0], Buffer.from("<!doctype html><p>Sign in"), files[2]];
    assert.match((await fails("not-a-model", page)).message, /web page/);
  });
});
