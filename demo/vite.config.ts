import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig, type Plugin } from "vite";

/** Tells the service worker which files the page consists of, and a hash that changes with them. */
const listFiles: Plugin = {
  name: "list-files",
  enforce: "post", // after the pages are written
  generateBundle(_options, bundle) {
    const worker = bundle["service-worker.js"];
    if (worker?.type !== "chunk") throw new Error("the service worker is missing");
    const publicFolder = join(import.meta.dirname, "public");
    const contents = new Map<string, string | Uint8Array>();
    for (const name of readdirSync(publicFolder)) contents.set(name, readFileSync(join(publicFolder, name)));
    for (const [name, file] of Object.entries(bundle)) {
      if (file !== worker) contents.set(name, file.type === "chunk" ? file.code : file.source);
    }
    const hash = createHash("sha256");
    for (const [name, content] of contents) hash.update(name).update(content);
    const files = [...contents.keys()].map((name) => (name === "index.html" ? "./" : name));
    const text = JSON.stringify(JSON.stringify({ version: hash.digest("hex").slice(0, 16), files }));
    worker.code = worker.code.replace(/(["'`])__BUILD__\1/, () => text);
  },
};

/** The part of the head that all pages share: their policy, icon and manifest. */
const shareHead: Plugin = {
  name: "share-head",
  transformIndexHtml: {
    order: "pre",
    handler: (html) =>
      html.replace("<!-- head.html -->", () => readFileSync(join(import.meta.dirname, "head.html"), "utf8").trim()),
  },
};

export default defineConfig({
  base: "./", // works below any path
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  plugins: [shareHead, listFiles],
  build: {
    outDir: "../build/demo",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false }, // an inline script, which the page's policy forbids
    assetsInlineLimit: 0, // as data: URLs, which it forbids too
    rolldownOptions: {
      input: { demo: "index.html", numbers: "numbers.html", "service-worker": "worker/service-worker.ts" },
      output: {
        entryFileNames: ({ name }) => (name === "service-worker" ? "[name].js" : "assets/[name]-[hash].js"),
      },
    },
  },
});
