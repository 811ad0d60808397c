// Files whose tensors lie outside the file, or that have holes: refused from the header, before memory is planned.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { makeModel } from "../../architectures/make-models.mjs";
import { rows } from "../../architectures/rows.mjs";
import { rejectsWith } from "../lib/model.mjs";
import { splitGguf } from "../lib/split-gguf.mjs";

const file = makeModel(rows.find(({ name }) => name === "llama"));

/** A copy of the file with another offset, or other dimensions, of its last tensor. */
function withLastTensor({ offset, dimensions }) {
  const bytes = Buffer.from(file);
  const name = "blk.2.ffn_down.weight";
  const at = bytes.indexOf(name) + name.length + 4;
  dimensions?.forEach((size, i) => {
    bytes.writeBigUInt64LE(BigInt(size), at + 8 * i);
  });
  if (offset !== undefined) bytes.writeBigUInt64LE(BigInt(offset), at + 8 * 2 + 4);
  return bytes;
}

describe("the size of a file", () => {
  let folder;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "camelgpt-test-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const put = (name, bytes) => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };
  /** The bytes as every kind of source that knows its size. */
  const sources = (bytes) => [put("m.gguf", bytes), new Uint8Array(bytes), new Blob([bytes])];

  async function refused(code, bytes) {
    for (const source of sources(bytes)) {
      for (const worker of [false, true]) {
        await rejectsWith(code, CamelGPTInference.inspect(source, { worker }));
        const error = await rejectsWith(code, CamelGPTInference.load(source, { worker, threads: 1 }));
        if (code === "truncated") assert.equal(error.found, `a file of ${bytes.length} bytes`);
      }
    }
  }

  test("a file may lack the padding after its last tensor, and have bytes after it", async () => {
    for (const bytes of [file, Buffer.concat([file, Buffer.alloc(100)])]) {
      for (const source of sources(bytes)) {
        assert.equal((await CamelGPTInference.inspect(source)).architecture, "llama");
      }
    }
  });

  test("a file that is cut off is truncated", async () => {
    await refused("truncated", file.subarray(0, file.length - 32));
    await refused("truncated", file.subarray(0, 20_000));
  });

  test("a small file that declares large tensors is truncated, not too large for memory", async () => {
    await refused("truncated", withLastTensor({ dimensions: [1 << 20, 1 << 20] }));
  });

  test("a tensor outside the file, or after a hole, is an error", async () => {
    await refused("bad-format", withLastTensor({ offset: 2 ** 40 }));
    await refused("bad-format", withLastTensor({ offset: file.length + 32 }));
  });

  test("each file of a split model is compared with its size", async () => {
    const files = splitGguf(file, 3);
    for (const short of files.keys()) {
      const bytes = files.map((each, i) => (i === short ? each.subarray(0, each.length - 32) : each));
      const blobs = bytes.map((each, i) => new File([each], `m-0000${i + 1}-of-00003.gguf`));
      await rejectsWith("truncated", CamelGPTInference.inspect(blobs));
    }
  });
});
