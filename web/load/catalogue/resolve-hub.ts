// The name of a model that is neither a file, a URL nor a release here → its location on a hub, or an error that says
// what is near. Loaded when the first such name is resolved.
import { CamelGPTError, excerpt } from "../../errors.js";
import { nearest } from "../../nearest.js";
import type { FileCheck } from "../integrity/file-check.js";
import type { FilePlace, FilePlatform, ResolvedSource, ResolveOptions } from "../location.js";
import { manifestName } from "../releases/manifest-name.js";
import { notARelease } from "../releases/trust.js";
import { wantsRelease } from "../releases/wants-release.js";
import { catalogue, catalogueEntry } from "./catalogue.js";
import { findModel } from "./find-model.js";
import { withDefaultCache } from "./hub-files.js";
import { fileUrl, parseHubName } from "./hub-name.js";
import { nearPath, pathInNearFolder } from "./near-path.js";

/** The functions of the caller, which is not imported: it would be loaded twice. */
export interface Resolver {
  fromPlace(
    place: FilePlace,
    options: ResolveOptions,
    platform: FilePlatform,
    check?: FileCheck,
  ): Promise<ResolvedSource>;
  joinFiles(resolved: readonly ResolvedSource[]): ResolvedSource;
}

/** Resolves a name of one word. Errors: `unknown-release`, those of `findModel`. */
export async function resolveCatalogued(
  name: string,
  options: ResolveOptions,
  platform: FilePlatform,
  resolver: Resolver,
): Promise<ResolvedSource> {
  const entry = catalogueEntry(name);
  if (entry?.repository) return fromHub(entry.name, options, platform, resolver);
  const names = catalogue.map((each) => each.name);
  const file = `${name}.gguf`;
  const isHere = !options.http.allow && (await platform.files?.kindOf(file)) === "file";
  const near = isHere ? file : nearest(name, names);
  throw new CamelGPTError("unknown-release", `There is no model or file named ${excerpt(name)}.`, {
    expected: `one of ${names.join(", ")}, owner/repo on a hub, a path, or a URL`,
    found: excerpt(name),
    hint: near
      ? `Did you mean ${near}?`
      : "Give the path or URL of a GGUF file, or the base URL of your own releases with the option `releases`.",
  });
}

/**
 * Resolves owner/repo/file.gguf, owner/repo, owner/repo@revision and owner/repo:Q4_K_M. Errors: `not-found`, those of
 * `findModel`.
 */
export async function resolveHubName(
  name: string,
  options: ResolveOptions,
  platform: FilePlatform,
  resolver: Resolver,
): Promise<ResolvedSource> {
  const meant = options.http.allow ? undefined : await pathInNearFolder(name, platform.files);
  if (meant !== undefined) throw noSuchFile(name, meant);
  const hubName = parseHubName(name);
  if (hubName.file === undefined) return fromHub(name, options, platform, resolver);
  return resolver.fromPlace({ kind: "url", url: fileUrl(options.hub, hubName, hubName.file) }, options, platform);
}

/** The recommended sampling of a model in the catalogue whose file was found elsewhere. */
export function samplingOf(name: string): Pick<ResolvedSource, "sampling"> {
  const sampling = catalogueEntry(name)?.sampling;
  return sampling ? { sampling } : {};
}

/** The error for a path. `kind` is what was found there. */
export async function missingFile(
  name: string,
  kind: string | undefined,
  options: ResolveOptions,
  platform: FilePlatform,
): Promise<CamelGPTError> {
  const near = kind === undefined && !options.http.allow ? await nearPath(name, platform) : undefined;
  return noSuchFile(name, near, kind);
}

function noSuchFile(name: string, near?: string, kind?: string): CamelGPTError {
  return new CamelGPTError("not-found", `There is no file ${excerpt(name)}.`, {
    expected:
      "the path of a GGUF file or of a release's folder, a URL, owner/repo or owner/repo/file.gguf, or the name of " +
      "a model",
    found: kind === "folder" ? `a folder without ${manifestName}` : "no such file",
    hint: near ? `Did you mean ${near}?` : `Check the path. Models: ${catalogue.map((each) => each.name).join(", ")}.`,
  });
}

async function fromHub(
  name: string,
  given: ResolveOptions,
  platform: FilePlatform,
  { fromPlace, joinFiles }: Resolver,
): Promise<ResolvedSource> {
  if (wantsRelease(given.trust)) throw notARelease(name); // before anything is downloaded
  const options = withDefaultCache(given);
  const { files, sidecar, entry, notes } = await findModel(name, options, platform);
  const isSplit = files.length > 1;
  const resolved: ResolvedSource[] = [];
  for (const { url, sha256 } of files) {
    // A file of a split model is compared when it is closed, if it is kept.
    const check = sha256 !== undefined ? { sha256, isTrustedIfKept: true } : undefined;
    resolved.push(await fromPlace({ kind: "url", url }, options, platform, check));
  }
  const [first] = resolved as [ResolvedSource];
  return {
    ...(isSplit ? joinFiles(resolved) : first),
    ...(!files.every(({ isKept }) => isKept) && { notes }),
    ...(sidecar && {
      sidecar: {
        place: { kind: "url", url: sidecar.url },
        ...(sidecar.sha256 && { check: { sha256: sidecar.sha256, isTrustedIfKept: true } }),
      },
    }),
    ...(entry?.sampling && { sampling: entry.sampling }),
    ...(!isSplit && files[0]?.sha256 !== undefined && { toEnd: true }),
  };
}
