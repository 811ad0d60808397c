// Every read of a load fails once, in many ways: the error is typed, a model that failed to load stays unusable but can
// be disposed, and a load that succeeds answers correctly. Sources: streams, Blobs, the files of a split model, URLs,
// and releases at URLs with their manifest, sidecar and hashes of blocks.
//   node tests/fuzz/js/inject-reads.mjs [--seconds N]
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { repositoryRoot } from "../../../scripts/lib/run.mjs";
// biome
import { splitGguf } from "../../web/lib/split-gguf.mjs";
import { Finding, outcomeOf, require } from "./harness.mjs";

const { values } = parseArgs({ options: { seconds: { type: "string", default: "1000" } }, strict: false });
const maxMilliseconds = 10_000; // of one execution

const file = (name) => readFileSync(`${repositoryRoot}/models/camelgpt-mini/${name}`);
const weights = file("camelgpt-mini.gguf");
const base = "https://models.example/folder/";

const hashOf = (bytes, encoding) => createHash("sha256").update(bytes).digest(encoding);
const blocksOf = (bytes) =>
  Buffer.concat(
    Array.from({ length: Math.ceil(bytes.length / 4096) }, (_, i) =>
      hashOf(bytes.subarray(i * 4096, (i + 1) * 4096)).subarray(0, 16),
    ),
  );

function releaseFiles() {
  const files = { "m.gguf": weights, "m.epdp": file("camelgpt-mini.epdp"), "m.blocks": blocksOf(weights) };
  const entry = (role, path) => ({ role, path, bytes: files[path].length, sha256: hashOf(files[path], "hex") });
  const manifest = {
    format: 1,
    name: "small",
    version: "1.0.0",
    license: "MIT",
    files: [entry("weights", "m.gguf"), entry("sidecar", "m.epdp"), entry("blocks", "m.blocks")],
  };
  return { ...files, "camelgpt.json": Buffer.from(JSON.stringify(manifest)) };
}

// ------------------------------------------------------------------------------------------------------------ failures

const odd = {
  "an error": () => new Error("the disk is gone"),
  "a DOMException": () => new DOMException("gone", "NotReadableError"),
  "an abort of another's": () => new DOMException("gone", "AbortError"),
  undefined: () => undefined,
  null: () => null,
  "a text": () => "gone",
  "a symbol": () => Symbol("gone"),
  "an object without a prototype": () => Object.create(null),
  "an object that cannot be a text": () => ({
    toString() {
      throw new Error("no");
    },
  }),
  "an error without a message": () => Object.assign(new Error("x"), { message: undefined }),
  "an error whose message throws": () =>
    Object.defineProperty(new Error("x"), "message", {
      get() {
        throw new Error("no");
      },
    }),
  "a frozen error": () => Object.freeze(new TypeError("gone")),
  "an error that causes itself": () => {
    const error = new Error("circle");
    error.cause = error;
    return error;
  },
};

/**
 * Counts reads. Number `failure` throws what `odd[kind]` makes, or does what `kind` says: "end" ends the bytes, "short"
 * returns one byte of them, "empty" none although more follow, "wrong" something that is not bytes.
 */
class Reads {
  constructor(failure = 0, kind = "") {
    this.failure = failure;
    this.kind = kind;
    this.count = 0;
    this.failed = false;
  }
  /** Returns "" or what this read does wrong. */
  next() {
    if (++this.count !== this.failure) return "";
    this.failed = true;
    if (this.kind in odd) throw odd[this.kind]();
    return this.kind;
  }
}

const chunkBytes = 20_000;

/** A stream of the bytes; `type` "bytes" makes a byte stream. */
function streamOf(bytes, reads, type) {
  let at = 0;
  return new ReadableStream({
    ...(type && { type }),
    pull(controller) {
      const fault = reads.next();
      let chunk = bytes.subarray(at, at + chunkBytes);
      if (fault === "short") chunk = chunk.subarray(0, 1);
      if (fault === "end" || chunk.length === 0) {
        controller.close();
        controller.byobRequest?.respond(0);
        return;
      }
      if (fault === "wrong") return controller.enqueue(type ? new Float64Array(3) : "not bytes");
      if (fault === "empty") {
        if (!type) return controller.enqueue(new Uint8Array(0));
        chunk = chunk.subarray(0, 1);
      }
      at += chunk.length;
      controller.enqueue(Uint8Array.from(chunk));
    },
  });
}

/** A Blob whose slices fail. */
function blobOf(bytes, reads) {
  const blob = new Blob([bytes]);
  const slice = blob.slice.bind(blob);
  blob.slice = (from, to) => {
    const part = slice(from, to);
    part.arrayBuffer = async () => {
      const fault = reads.next();
      if (fault === "wrong") return "not bytes";
      const length = { end: 0, empty: 0, short: 1 }[fault] ?? part.size;
      return Uint8Array.from(bytes.subarray(from, from + length)).buffer;
    };
    return part;
  };
  return blob;
}

/** A `fetch` of these files whose requests and bodies fail. */
const fetchOf = (files, reads, supportsRanges) => async (url, init) => {
  const bytes = files[String(url).slice(base.length)];
  const fault = reads.next();
  if (fault === "wrong") return new Response("busy", { status: 503, headers: { "retry-after": "0" } });
  if (bytes === undefined) return new Response("", { status: 404 });
  const range = supportsRanges && /^bytes=(\d+)-(\d*)$/.exec(new Headers(init?.headers).get("range") ?? "");
  const from = range ? Number(range[1]) : 0;
  const to = range?.[2] ? Math.min(Number(range[2]) + 1, bytes.length) : bytes.length;
  if (range && from >= bytes.length) return new Response("", { status: 416 });
  const headers = { etag: '"1"', "content-length": String(to - from) };
  if (range) headers["content-range"] = `bytes ${from}-${to - 1}/${bytes.length}`;
  if (fault === "empty") return new Response(null, { status: range ? 206 : 200, headers });
  const end = fault === "end" ? from : fault === "short" ? Math.min(from + 1, to) : to;
  return new Response(streamOf(bytes.subarray(from, end), reads), { status: range ? 206 : 200, headers });
};

const shards = splitGguf(weights, 3);
const all = releaseFiles();
const scenarios = {
  "a stream": (reads) => [streamOf(weights, reads)],
  "a byte stream": (reads) => [streamOf(weights, reads, "bytes")],
  "a Blob": (reads) => [blobOf(weights, reads)],
  "a split model": (reads) => [
    shards
      .map((bytes, i) => new File([bytes], `m-0000${i + 1}-of-00003.gguf`))
      .map((blob, i) => {
        const faulty = blobOf(shards[i], reads);
        return Object.defineProperty(faulty, "name", { value: blob.name });
      }),
  ],
  "a stream with a hash": (reads) => [streamOf(weights, reads), { sha256: hashOf(weights, "hex") }],
  "a URL": (reads) => [`${base}m.gguf`, { fetch: fetchOf(all, reads, false) }],
  "a URL with ranges": (reads) => [`${base}m.gguf`, { fetch: fetchOf(all, reads, true) }],
  "a URL, retried": (reads) => [`${base}m.gguf`, { fetch: fetchOf(all, reads, true), retries: 1 }],
  "a release": (reads) => [base, { fetch: fetchOf(all, reads, true) }],
};
const kinds = [...Object.keys(odd), "end", "short", "empty", "wrong"];

// ---------------------------------------------------------------------------------------------------------- executions

const prompt = "Once upon a time";
const generate = (model) => model.generateText(prompt, { maxTokens: 4, ignoreEos: true });

function inTime(work, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Finding(`${what} does not end`)), maxMilliseconds);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

async function execute(source, reads, expected) {
  const [from, options] = source(reads);
  const model = new CamelGPTInference(from, {
    worker: false,
    threads: 1,
    contextLength: 64,
    cache: false,
    retries: 0,
    ...options,
  });
  let answer;
  try {
    answer = await inTime(generate(model), "the load");
    require(!expected || expected.includes(answer), `the answer ${JSON.stringify(answer)} is one of ${expected}`);
  } catch (error) {
    const outcome = outcomeOf(error);
    require(reads.failed, `only a failed read is an error: ${outcome}`);
    let again;
    await inTime(generate(model), "a second call").catch((second) => (again = outcomeOf(second)));
    require(again === outcome, `the failure of a load is final: ${again} after ${outcome}`);
  }
  await inTime(model.dispose(), "dispose()");
  const late = await generate(model).catch((error) => error);
  require(late?.code === "disposed" || answer === undefined, "a disposed model is not used");
  return answer;
}

const failures = [];
process.on("unhandledRejection", (reason) => failures.push(`an unhandled rejection: ${reason?.stack ?? "?"}`));

const end = performance.now() + Number(values.seconds) * 1000;
let executions = 0;
let total = 0;
const work = [];
const answers = []; // without a sidecar; a sidecar that cannot be read is a note
for (const [name, source] of Object.entries(scenarios)) {
  const reads = new Reads();
  answers.push(await execute(source, reads));
  const expected = [answers[0], answers.at(-1)];
  for (let failure = 1; failure <= reads.count; ++failure) {
    for (const kind of kinds) work.push({ name, source, failure, kind, expected });
  }
}
total = work.length;
// Spread over all scenarios, so that a run that ends early has sampled them all.
let step = Math.max(1, Math.floor(total * 0.618));
for (const gcd = (a, b) => (b === 0 ? a : gcd(b, a % b)); gcd(total, step) > 1; ) ++step;
for (; executions < total && performance.now() < end; ++executions) {
  const { name, source, failure, kind, expected } = work[(executions * step) % total];
  try {
    await execute(source, new Reads(failure, kind), expected);
  } catch (error) {
    failures.push(`${name}, read ${failure}, ${kind}: ${error.stack}`);
  }
}
await new Promise((resolve) => setTimeout(resolve, 20)); // for late rejections
for (const failure of failures.slice(0, 20)) console.error(failure);
console.log(`number_of_executed_units: ${executions} of ${total}`);
process.exit(failures.length > 0 ? 1 : 0);
