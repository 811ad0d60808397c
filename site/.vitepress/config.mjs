// The settings of the documentation site. scripts/build-site.mjs writes its pages to build/site-source.
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "vitepress";
import { sections } from "../pages.mjs";

const base = "/docs/";
const repository = "https://github.com/gpt-research/camelgpt-inference";

/** Pages load only files of this server. Code is coloured with style attributes. */
const policy = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; base-uri 'none'";

/** Moves inline scripts to files, since the policy forbids them, and adds the policy to the page. */
function withoutInlineScripts(html, folder) {
  const moved = html.replace(/<script( id="[\w-]+")?>([\s\S]*?)<\/script>/g, (_, id = "", code) => {
    const name = `assets/inline.${createHash("sha256").update(code).digest("hex").slice(0, 8)}.js`;
    mkdirSync(join(folder, "assets"), { recursive: true });
    writeFileSync(join(folder, name), code);
    return `<script${id} src="${base}${name}"></script>`;
  });
  return moved.replace("<head>", `<head>\n    <meta http-equiv="Content-Security-Policy" content="${policy}">`);
}

export default defineConfig({
  title: "CamelGPT",
  description: "Run small language models on the CPU, wherever JavaScript runs.",
  lang: "en",
  base,
  srcDir: "../build/site-source",
  outDir: "../build/site",
  cacheDir: "../build/site-cache",
  metaChunk: true,
  vite: { build: { chunkSizeWarningLimit: 2000 } }, // the index of the search
  head: [["link", { rel: "icon", href: "data:," }]],
  themeConfig: {
    nav: [
      { text: "Start", link: "/start/node" },
      { text: "Guides", link: "/guide/chat" },
      { text: "API", link: "/api/" },
      { text: "Models", link: "/models" },
      { text: "Comparison", link: "/comparison" },
    ],
    sidebar: sections.map(({ text, items }) => ({ text, items, collapsed: text === "Inside" || text === "API" })),
    outline: [2, 3],
    search: { provider: "local" },
    socialLinks: [{ icon: "github", link: repository }],
  },
  transformHtml: (html, _id, { siteConfig }) => withoutInlineScripts(html, siteConfig.outDir),
});
