// A built site in, its links out: every internal one must lead to a file, and to an element of the page it names.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, posix } from "node:path";
import { Problem, say } from "./run.mjs";

const decode = (text) => decodeURIComponent(text.replaceAll("&amp;", "&").replaceAll("&#39;", "'"));

/**
 * Checks the links of all pages in `folder`, which a server has at `base`. Throws a Problem if one leads nowhere.
 * @returns `{pages, links, external}`: the number of pages and of internal links, and the other addresses
 */
export function checkSiteLinks(folder, base) {
  const names = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".html"));
  const pages = new Map(names.map((name) => [name.replaceAll("\\", "/"), readFileSync(join(folder, name), "utf8")]));
  const anchors = new Map();
  const anchorsOf = (name) => {
    if (!anchors.has(name)) {
      anchors.set(name, new Set([...pages.get(name).matchAll(/\sid="([^"]+)"/g)].map(([, id]) => decode(id))));
    }
    return anchors.get(name);
  };
  const external = new Set();
  const broken = [];
  let links = 0;
  for (const [name, html] of pages) {
    for (const [, attribute] of html.matchAll(/<a\b[^>]*?\shref="([^"]*)"/g)) {
      const url = new URL(attribute.replaceAll("&amp;", "&"), `http://site.invalid${base}${name}`);
      if (url.host !== "site.invalid") {
        external.add(url.href);
        continue;
      }
      links += 1;
      let target = decode(url.pathname.slice(base.length));
      if (target === "" || target.endsWith("/")) target += "index.html";
      const hash = decode(url.hash.slice(1));
      if (!url.pathname.startsWith(base) || !existsSync(join(folder, posix.normalize(target)))) {
        broken.push(`${name} links to ${attribute}, which does not exist`);
      } else if (hash !== "" && pages.has(target) && !anchorsOf(target).has(hash)) {
        broken.push(`${name} links to ${attribute}, but ${target} has no element "${hash}"`);
      }
    }
  }
  for (const finding of broken) say(`site: ${finding}`);
  if (broken.length > 0) throw new Problem(`${broken.length} link(s) of the site lead nowhere`);
  return { pages: pages.size, links, external: [...external].sort() };
}
