// A repository on a hub → the model files in it, from the hub's API or from the copy of an earlier answer.
import { CamelGPTError, describe, excerpt } from "../../errors.js";
import { cacheBytes, openUrl, readCachedBytes } from "../caller-downloads.js";
import { cacheUse, type FilePlatform, httpFor, type ResolveOptions } from "../location.js";
import { originOf, shortUrl } from "../names.js";
import { requireAllowedUrl } from "../allow.js";
import { readAll } from "../sources/read-all.js";
import { type HubName, isOddSegment, listUrl } from "./hub-name.js";

/** A file of a repository. */
export interface HubFile {
  path: string;
  /** Size in bytes. */
  size: number;
  /** SHA-256 in hexadecimal; undefined for files that the hub keeps without one. */
  sha256?: string | undefined;
}

/** Limits of a hub's answers. */
const maxPageBytes = 8 << 20;
const maxPages = 32;
const maxFiles = 20_000;
/** Of arrays and objects. Those of a real answer are nested 4 deep. */
const maxDepth = 16;
const maxPathLength = 1024;

const keptFormat = 1;

/** The list of an earlier request, from the store; undefined if there is none, or one of another format. */
export async function keptHubFiles(
  name: HubName,
  options: ResolveOptions,
  platform: FilePlatform,
): Promise<HubFile[] | undefined> {
  const url = listUrl(options.hub, name);
  if (cacheUse(url, withDefaultCache(options)) !== "use") return undefined;
  const bytes = await readCachedBytes(url, httpFor(url, options.http, originOf(url)), platform.openStore);
  if (!bytes) return undefined;
  try {
    const { format, files } = parseJson(bytes) as { format?: unknown; files?: unknown };
    return format === keptFormat && Array.isArray(files) ? files.flatMap(hubFile) : undefined;
  } catch {
    return undefined;
  }
}

/** Downloads of models by name are kept from every hub, not only from https: ones: a hash tells what they are. */
export const withDefaultCache = <T extends Pick<ResolveOptions, "cache">>(options: T): T => ({
  ...options,
  cache: options.cache ?? "use",
});

/**
 * Asks the hub, and keeps its answer. Errors: `not-found`, `http-error` (also for an answer that is no list of files),
 * `network`, `not-allowed`, `aborted`.
 */
export async function fetchHubFiles(
  name: HubName,
  options: ResolveOptions,
  platform: FilePlatform,
  signal?: AbortSignal,
): Promise<HubFile[]> {
  const first = listUrl(options.hub, name);
  const { fetch = platform.fetch } = options;
  const http = httpFor(first, options.http, options.origin ?? originOf(first));
  const files: HubFile[] = [];
  let url: string | undefined = first;
  for (let page = 0; url !== undefined; page++) {
    requireAllowedUrl(url, http.allow);
    if (!options.fetch) platform.requireAccess?.(url);
    let next: string | null = null;
    const noting: typeof fetch = async (address, init, allow) => {
      const response = await fetch(address, init, allow);
      next = response.headers.get("link");
      return response;
    };
    let entries: unknown;
    try {
      const source = await openUrl(url, { ...http, signal, fetch: noting });
      entries = parseJson(await readAll(source, maxPageBytes, "a list of files"));
    } catch (error) {
      throw explained(error, name, options.hub);
    }
    if (!Array.isArray(entries)) throw noList(name, options.hub, "another JSON value than an array");
    for (const entry of entries as unknown[]) files.push(...hubFile(entry));
    url = nextPage(next, url);
    if (url !== undefined && (page + 1 === maxPages || files.length > maxFiles)) {
      throw noList(name, options.hub, `more than ${files.length > maxFiles ? maxFiles : maxPages * 1000} files`);
    }
  }
  if (cacheUse(first, withDefaultCache(options)) !== "off") {
    const kept = new TextEncoder().encode(JSON.stringify({ format: keptFormat, files }));
    await cacheBytes(first, http, kept, platform.openStore).catch(() => {});
  }
  return files;
}

/** The model file that an entry describes, in the hub's form or the kept one; nothing for other and odd entries. */
function hubFile(entry: unknown): HubFile[] {
  const { type = "file", path, size, sha256, lfs } = Object(entry) as Record<string, unknown>;
  const { oid = sha256, size: lfsSize = size } = Object(lfs) as Record<string, unknown>;
  const isFile = type === "file" && typeof path === "string" && path.length <= maxPathLength && /\.gguf$/i.test(path);
  if (!isFile || path.split("/").some(isOddSegment)) return [];
  if (!Number.isSafeInteger(lfsSize) || Number(lfsSize) <= 0) return [];
  const isHash = typeof oid === "string" && /^[0-9a-f]{64}$/.test(oid);
  return [{ path, size: Number(lfsSize), ...(isHash && { sha256: oid }) }];
}

/** The address in a Link header (RFC 8288) of the next page; it must be another page of the same list. */
function nextPage(link: string | null, url: string): string | undefined {
  const target = /<([^>]*)>\s*;[^,]*\brel="?next"?/i.exec(link?.slice(0, 8192) ?? "")?.[1];
  if (target === undefined) return undefined;
  const [next, current] = [URL.canParse(target, url) ? new URL(target, url) : undefined, new URL(url)];
  return next?.origin === current.origin && next.pathname === current.pathname && next.href !== current.href
    ? next.href
    : undefined;
}

function parseJson(bytes: Uint8Array): unknown {
  let depth = 0;
  let isText = false;
  for (let i = 0; i < bytes.length; i++) {
    const char = String.fromCharCode(bytes[i]!);
    if (isText && char === "\\") i++;
    else if (char === '"') isText = !isText;
    else if (!isText && "[{".includes(char)) depth++;
    else if (!isText && "]}".includes(char)) depth--;
    if (depth > maxDepth) throw new Error("it is nested too deep");
  }
  return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
}

/** The error of a request, in terms of the repository. */
function explained(error: unknown, name: HubName, hub: string): unknown {
  if (!(error instanceof CamelGPTError)) return noList(name, hub, describe(error), error);
  const { code, found } = error;
  const { repository, revision } = name;
  const place = excerpt(revision === "main" ? repository : `${repository}@${revision}`);
  if (code === "not-found") {
    return new CamelGPTError("not-found", `There is no repository ${place} on ${shortUrl(hub)}.`, {
      expected: "owner/repo, or owner/repo@revision",
      found,
      hint: "Check the spelling on the hub. A file on this machine needs its path, for example ./models/x.gguf.",
    });
  }
  if (code === "http-error" && /HTTP 40[13]\b/.test(found ?? "")) {
    return new CamelGPTError("http-error", `The hub ${shortUrl(hub)} does not show ${place}.`, {
      expected: "a public repository, or a token that may read it",
      found,
      hint:
        "Check the spelling. A private or gated repository needs its terms accepted on the hub, and a token: set " +
        "HF_TOKEN for the command line, or pass headers: { Authorization: `Bearer ${token}` }.",
    });
  }
  if (code === "network") {
    return new CamelGPTError("network", `The hub ${shortUrl(hub)} cannot be reached: ${error.message}`, {
      found,
      hint: `Check the connection. Once ${place} has been downloaded, it loads without a network.`,
      cause: error,
    });
  }
  if (code === "not-a-model" || code === "bad-format") return noList(name, hub, found ?? "something else", error);
  return error;
}

function noList({ repository }: HubName, hub: string, found: string, cause?: unknown): CamelGPTError {
  const message = `The answer of ${shortUrl(hub)} is no list of the files of ${excerpt(repository)}.`;
  return new CamelGPTError("http-error", message, {
    expected: "a hub with Hugging Face's API",
    found,
    hint: "Check the option hub (--hub, HF_ENDPOINT), or name the file: owner/repo/file.gguf.",
    cause,
  });
}
