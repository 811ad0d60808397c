// The user's cache → the models in it: downloads, files that were placed there, and incomplete downloads.
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

import { catalogue } from "../../../../web/load/catalogue/catalogue.js";
import { originOf } from "../../../../web/load/names.js";
import { type Entry, readEntries } from "../../../../web/load/stores/entries.js";
import { cacheFolder } from "../../entry/node-files.js";
import { openStore } from "../../entry/node-store.js";
import { readPartialState, removePartial } from "./partial-file.js";
import { partialEnding } from "./pull-file.js";

export interface KeptModel {
  /** The name that `--model` accepts for it. */
  name: string;
  /** Of all of its files. */
  bytes: number;
  /** Addresses of downloads, or the path of a file in the folder of models. */
  places: string[];
  /** Missing for complete models. */
  total?: number | undefined;
  isComplete: boolean;
  remove(): Promise<void>;
}

/** Files of the store that belong to a model or to none: lists of a hub, manifests, sidecars, hashes. */
const notModel = /\/api\/models\/|\.(json|epdp|blocks)$/i;
const shard = /-\d{5}-of-(\d{5})\.gguf$/i;

/** `hub` is the base URL for which names are written without it. Removes nothing. */
export async function keptModels(hub: string, folder: string | undefined): Promise<KeptModel[]> {
  const [files, downloads, partials] = await Promise.all([
    modelFiles(folder),
    keptDownloads(hub, folder),
    incomplete(hub, folder),
  ]);
  return [...files, ...downloads, ...partials].sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function modelFiles(given: string | undefined): Promise<KeptModel[]> {
  const folder = cacheFolder("models", given);
  const names = (await readdir(folder).catch(() => [])).filter((name) => /\.gguf$/i.test(name));
  return Promise.all(
    names.map(async (file) => {
      const path = join(folder, file);
      const { size } = await stat(path);
      return {
        name: file.replace(/\.gguf$/i, ""),
        bytes: size,
        places: [path],
        isComplete: true,
        remove: async () => {
          for (const each of [path, `${path}.sha256`, path.replace(/\.gguf$/i, ".epdp")])
            await rm(each, { force: true });
        },
      };
    }),
  );
}

async function keptDownloads(hub: string, folder: string | undefined): Promise<KeptModel[]> {
  const store = await openStore(undefined, folder);
  if (!store) return [];
  const groups = new Map<string, [string, Entry][]>();
  for (const each of await readEntries(store, await store.names())) {
    const { url } = each[1];
    if (notModel.test(url)) continue;
    const group = url.replace(shard, "-of-$1");
    groups.set(group, [...(groups.get(group) ?? []), each]);
  }
  return [...groups.values()].map((entries) => {
    const urls = entries.map(([, { url }]) => url).sort();
    return {
      name: nameOf(urls[0]!, hub),
      bytes: entries.reduce((sum, [, { bytes }]) => sum + bytes, 0),
      places: urls,
      isComplete: true,
      remove: async () => {
        for (const [key, { file }] of entries) {
          for (const name of [`${key}.json`, file, `${key}.epdp`]) await store.remove(name); // its calibration too
        }
      },
    };
  });
}

async function incomplete(hub: string, given: string | undefined): Promise<KeptModel[]> {
  const folder = cacheFolder("downloads", given);
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(partialEnding));
  const found = await Promise.all(
    names.map(async (file): Promise<KeptModel[]> => {
      const path = join(folder, file);
      const [state, status] = await Promise.all([readPartialState(path), stat(path).catch(() => undefined)]);
      if (!state || !status) return [];
      const { url, bytes: total } = state;
      const remove = () => removePartial(path);
      return [{ name: nameOf(url, hub), bytes: status.size, places: [url], total, isComplete: false, remove }];
    }),
  );
  return found.flat();
}

/** The shortest name for a URL: of the catalogue, or owner/repo/file.gguf. */
function nameOf(url: string, hub: string): string {
  if (originOf(url) !== originOf(hub)) return url;
  const [, repository, revision = "main", file = ""] =
    /^\/(?:.*\/)?([\w.-]+\/[\w.-]+)\/resolve\/([^/]+)\/(.+)$/.exec(decoded(new URL(url).pathname)) ?? [];
  if (repository === undefined) return url;
  const entry = catalogue.find(
    (each) => each.repository === repository && each.file === file && (each.revision ?? "main") === revision,
  );
  return entry?.name ?? `${repository}${revision === "main" ? "" : `@${revision}`}/${file}`;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** The models that a name means. owner/repo and owner/repo:Q4_K_M mean all files of the repository that fit. */
export function modelsNamed(name: string, models: readonly KeptModel[]): KeptModel[] {
  const exact = models.filter(
    (model) => model.name.toLowerCase() === name.toLowerCase() || model.places.includes(name),
  );
  if (exact.length > 0) return exact;
  const [, repository, quantisation = ""] = /^([\w.-]+\/[\w.-]+(?:@[^:]+)?)(?::([\w.-]+))?$/.exec(name) ?? [];
  if (repository === undefined) return [];
  const fits = (each: string) =>
    each.startsWith(`${repository}/`) && each.toUpperCase().includes(quantisation.toUpperCase());
  const entry = catalogue.filter((each) => each.repository === repository).map((each) => each.name);
  return models.filter((model) => fits(model.name) || entry.includes(model.name));
}
