// A server of a model file, and an empty cache folder for each test of a block.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { startFaultyServer } from "./faulty-server.mjs";

/** Call it in a `describe` block. Its server and folder exist while the tests run. */
export function useDownloads(file) {
  const given = process.env.XDG_CACHE_HOME;
  const downloads = {
    server: undefined,
    folder: undefined,

    /** The names of the stored files. */
    kept: () => readdirSync(join(downloads.folder, "camelgpt/downloads")).sort(),

    /** Loads a model and returns the beginning of an answer, and the notes. */
    async load(url, options) {
      const common = { worker: false, threads: 1, cache: true, timeout: 2000, retries: 0 };
      const model = await CamelGPTInference.load(url, { ...common, ...options });
      const { engine } = await model.info();
      const text = await model.generateText("The city was", 6);
      await model.dispose();
      return { text, notes: engine.notes };
    },
  };
  before(async () => {
    downloads.server = await startFaultyServer(file);
  });
  beforeEach(() => {
    if (downloads.folder) rmSync(downloads.folder, { recursive: true });
    downloads.folder = mkdtempSync(join(tmpdir(), "camelgpt-downloads-"));
    process.env.XDG_CACHE_HOME = downloads.folder;
  });
  after(async () => {
    await downloads.server.close();
    rmSync(downloads.folder, { recursive: true });
    if (given === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = given;
  });
  return downloads;
}
