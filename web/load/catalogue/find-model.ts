// A name from the catalogue or of a repository on a hub → the addresses, sizes and hashes of the model's files.
import { asCamelGPTError } from "../../errors.js";
import { cacheUse, type FilePlatform, httpFor, type ResolveOptions } from "../location.js";
import { originOf } from "../names.js";
import { checkId, keyOf, readEntry } from "../stores/entries.js";
import { type CatalogueEntry, catalogueEntry } from "./catalogue.js";
import { type ChosenFiles, chooseFile } from "./choose-file.js";
import { fetchHubFiles, type HubFile, keptHubFiles, withDefaultCache } from "./hub-files.js";
import { fileUrl, type HubName, hubNameOf, parseHubName } from "./hub-name.js";

export interface ModelFile {
  url: string;
  /** Size, if known. */
  bytes?: number | undefined;
  /** SHA-256 in hexadecimal, if known. */
  sha256?: string | undefined;
  /** Whether the store has it. */
  isKept: boolean;
}

export interface FoundModel {
  /** In order; several if the model is split. */
  files: ModelFile[];
  /** The sidecar that the catalogue names. */
  sidecar?: ModelFile | undefined;
  /** Missing for models that are not in the catalogue. */
  entry?: CatalogueEntry | undefined;
  /** Sentences for the user: which file was chosen, and what is not verified. */
  notes: string[];
}

/**
 * With `refresh` the hub is asked even if the store has the model. Errors: those of `fetchHubFiles`, of `chooseFile`
 * and of `parseHubName`.
 */
export async function findModel(
  name: string,
  options: ResolveOptions,
  platform: FilePlatform,
  { refresh = options.cache === "reload", signal }: { refresh?: boolean; signal?: AbortSignal | undefined } = {},
): Promise<FoundModel> {
  const search = searchOf(name, options, platform, signal);
  const { entry } = search;
  if (entry?.verified && entry.bytes && entry.sha256) return describe(search, [fromEntry(entry)]);
  const kept = refresh ? undefined : await findKept(search);
  return kept ?? (await findOnHub(search));
}

/** Returns undefined unless the store has all files of the model. Asks no server. Errors: those of `parseHubName`. */
export function findKeptModel(
  name: string,
  options: ResolveOptions,
  platform: FilePlatform,
): Promise<FoundModel | undefined> {
  return findKept(searchOf(name, options, platform));
}

function searchOf(name: string, options: ResolveOptions, platform: FilePlatform, signal?: AbortSignal): Search {
  const entry = catalogueEntry(name);
  const hubName = entry?.repository ? hubNameOf(entry) : parseHubName(name);
  return { hubName, entry, options, platform, signal };
}

interface Search {
  hubName: HubName;
  entry: CatalogueEntry | undefined;
  options: ResolveOptions;
  platform: FilePlatform;
  signal?: AbortSignal | undefined;
}

const fromEntry = ({ file = "", bytes = 0, sha256 }: CatalogueEntry): HubFile => ({ path: file, size: bytes, sha256 });

/** The model of an earlier answer of the hub, if all of its files are in the store. */
async function findKept(search: Search): Promise<FoundModel | undefined> {
  const { hubName, options, platform, entry } = search;
  const all = await keptHubFiles(hubName, options, platform);
  try {
    const named = entry ? fromEntry(entry) : hubName.file === undefined ? undefined : { path: hubName.file, size: 0 };
    const found = await (all ? choose(search, all) : named && describe(search, [named]));
    return found?.files.every(({ isKept }) => isKept) ? found : undefined;
  } catch {
    return undefined; // the hub may have more files by now
  }
}

async function findOnHub(search: Search): Promise<FoundModel> {
  const { hubName, entry, options, platform, signal } = search;
  let all: HubFile[];
  try {
    all = await fetchHubFiles(hubName, options, platform, signal);
  } catch (error) {
    const { code, found } = asCamelGPTError(error);
    const hasNoList = code === "not-found" || (code === "http-error" && !/HTTP 40[13]\b/.test(found ?? ""));
    if (!hubName.file || !hasNoList) throw error;
    // A server of files without the hub's API.
    const file = entry ? fromEntry(entry) : { path: hubName.file, size: 0 };
    const note = "The hub has no list of files, so nothing tells the hash of this model.";
    return describe(search, [file], file.sha256 ? [] : [note]);
  }
  return choose(search, all);
}

async function choose(search: Search, all: readonly HubFile[]): Promise<FoundModel> {
  const { entry, hubName } = search;
  const notes: string[] = [];
  let chosen: ChosenFiles;
  try {
    chosen = chooseFile(all, hubName);
  } catch (error) {
    if (!entry || entry.verified) throw error;
    chosen = { ...chooseFile(all, { ...hubName, file: undefined }), wasChosen: true };
  }
  const { files, quantisation, wasChosen } = chosen;
  if (wasChosen) {
    const which = `${files[0]!.path}${quantisation ? ` (${quantisation})` : ""}`;
    notes.push(`Of the files in ${hubName.repository}, ${which} was chosen.`);
  }
  if (files.some(({ sha256 }) => !sha256)) notes.push("The hub tells no hash of this model.");
  return describe(search, files, notes);
}

async function describe(search: Search, chosen: readonly HubFile[], more: readonly string[] = []): Promise<FoundModel> {
  const { hubName, entry } = search;
  // The hash of an entry that is not verified is that of a file from elsewhere.
  const isUnverified = entry?.verified === false && (!entry.sha256 || chosen[0]?.sha256 !== entry.sha256);
  const note = `The catalogue does not know the hash of ${entry?.name}: it is compared with that of the hub only.`;
  const fileOf = async ({ path, size, sha256 }: HubFile): Promise<ModelFile> => {
    const file = { url: fileUrl(search.options.hub, hubName, path), bytes: size || undefined, sha256 };
    return { ...file, isKept: await isKept(file, search.options, search.platform) };
  };
  const sidecar = entry?.sidecar;
  return {
    files: await Promise.all(chosen.map(fileOf)),
    ...(sidecar && {
      sidecar: await fileOf({ path: sidecar.file, size: sidecar.bytes, sha256: sidecar.sha256 }),
    }),
    ...(entry && { entry }),
    notes: [...more, ...(isUnverified && chosen[0]?.sha256 ? [note] : [])],
  };
}

/** Whether the store has a file, of this size, and compared with this hash. */
export async function isKept(
  { url, bytes, sha256 }: Omit<ModelFile, "isKept">,
  options: ResolveOptions,
  { openStore }: Pick<FilePlatform, "openStore">,
): Promise<boolean> {
  if (cacheUse(url, withDefaultCache(options)) !== "use") return false;
  try {
    const store = await openStore?.();
    const http = httpFor(url, options.http, options.origin ?? originOf(url));
    const entry = store && (await readEntry(store, await keyOf(url, http)));
    if (!entry || (bytes !== undefined && entry.bytes !== bytes)) return false;
    if (sha256 !== undefined && entry.check !== (await checkId({ sha256 }))) return false;
    const file = await store.open(entry.file);
    await file?.close();
    return file?.size === entry.bytes;
  } catch {
    return false; // the store does not work
  }
}
