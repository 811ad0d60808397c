// The name of a folder or URL → the release in it, if it is one.
import type { FilePlatform, ResolveOptions } from "../location.js";
import { absoluteUrl, isAllowedPath, isUrl, requireAllowedPlace } from "../place.js";
import { manifestName } from "./manifest-name.js";
import type { FoundRelease } from "./open-release.js";

/**
 * Returns undefined unless the name is that of a release's folder or manifest. Errors: those of reading, of
 * `parseManifest` and of `judgeRelease`.
 */
export async function findRelease(
  name: string,
  options: ResolveOptions,
  platform: FilePlatform,
): Promise<FoundRelease | undefined> {
  const { files } = platform;
  if (/^https?:.*\/(camelgpt\.json)?$/i.test(name)) {
    const manifest = new URL(manifestName, absoluteUrl(name, platform)).href;
    await requireAllowedPlace({ kind: "url", url: manifest }, options.http.allow, platform);
    const { openRelease } = await import("./open-release.js");
    return openRelease(
      { kind: "url", url: manifest },
      ({ path }) => ({ kind: "url", url: new URL(path, manifest).href }),
      options,
      platform,
    );
  }
  const { allow } = options.http;
  if (!files || isUrl(name) || !(await isAllowedPath(name, allow, platform))) return undefined;
  const folder = name.endsWith(`/${manifestName}`) ? name.slice(0, -manifestName.length - 1) : name;
  const manifest = `${folder}/${manifestName}`;
  if ((await files.kindOf(folder)) !== "folder" || (await files.kindOf(manifest)) !== "file") return undefined;
  const { openRelease } = await import("./open-release.js");
  return openRelease(
    { kind: "path", path: manifest },
    ({ path }) => ({ kind: "path", path: `${folder}/${path}` }),
    options,
    platform,
  );
}
