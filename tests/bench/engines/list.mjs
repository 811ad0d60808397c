// Lists every engine that can be measured.
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Problem, repositoryRoot } from "../../../scripts/lib/run.mjs";
import { startChild } from "./child.mjs";
import { openPage } from "./page.mjs";

const script = (name) => fileURLToPath(new URL(name, import.meta.url));

/**
 * @param places `{chromium, site, node24, peers, probes}`: programs, the URL of the server, the result of ensurePeers,
 *   and the path of the roofline probe below the repository by flavour
 * @returns engines: `{id, label, flavour, web, tries, probe, epdp, start()}`. `web` engines load from a URL, others
 *   from a path. `tries` names a parameter whose best value a load determines if it is not given. Engines with a
 *   `probe` answer `ask("roofline", {source: probe, kernels})`. `start` returns an object with
 *   `ask("load", {source, flavour, epdp, threads, contextLength})`, `ask("run", {prompt: {ids, text}, tokens})`,
 *   `processes()` and `close()`.
 */
export function listEngines({ chromium, site, node24, peers, probes }) {
  const inPage = (kind) => () => openPage(chromium, `${site}/bench/engines/page.html`, kind);
  const runtimes = {
    node: { label: "Node 24", command: node24, args: [] },
    deno: {
      label: "Deno",
      command: join(peers.modules, "@deno/linux-x64-glibc/deno"),
      args: ["run", "--allow-all", "--no-lock"],
    },
    bun: { label: "Bun", command: join(peers.modules, "@oven/bun-linux-x64/bin/bun"), args: [] },
  };
  const ours = (id, label, flavour, rest) => ({
    id: `${id}-${flavour}`,
    label: `CamelGPT ${flavour}, ${label}`,
    flavour,
    probe: probes[flavour],
    ...rest,
  });
  const probeUrl = (flavour) =>
    probes[flavour] && `${site}/${relative(repositoryRoot, probes[flavour]).replaceAll("\\", "/")}`;
  const flavours = ["relaxed", "simd"];
  const pruned = { epdp: "balanced", probe: undefined };
  return [
    ...flavours.map((flavour) =>
      ours("chromium", "Chromium", flavour, { web: true, probe: probeUrl(flavour), start: inPage("camelgpt") }),
    ),
    ...Object.entries(runtimes).flatMap(([id, { label, command, args }]) =>
      flavours.map((flavour) =>
        ours(id, label, flavour, { start: () => startChild(command, [...args, script("runtime.mjs")]) }),
      ),
    ),
    ours("balanced-chromium", "Chromium, EPDP balanced", "relaxed", {
      ...pruned,
      web: true,
      start: inPage("camelgpt"),
    }),
    ours("balanced-node", "Node 24, EPDP balanced", "relaxed", {
      ...pruned,
      start: () => startChild(node24, [script("runtime.mjs")]),
    }),
    { id: "wllama", label: "wllama, Chromium", web: true, start: inPage("wllama") },
    { id: "wllama-newest", label: "newest wllama, Chromium", web: true, start: inPage("wllama-newest") },
    {
      id: "native",
      label: "llama.cpp native",
      tries: "flashAttention",
      start: () => startChild(node24, [script("native.mjs")]),
    },
  ];
}

/** The engines selected by `names`. A prefix, such as "chromium", selects all engines that begin with it. */
export function chooseEngines(engines, names) {
  const chosen = names.flatMap((wanted) => {
    const found = engines.filter(({ id }) => id === wanted || id.startsWith(`${wanted}-`));
    if (found.length === 0)
      throw new Problem(`unknown engine "${wanted}"; known engines: ${engines.map(({ id }) => id).join(", ")}`);
    return found;
  });
  return [...new Set(chosen)];
}
