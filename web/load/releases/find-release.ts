// The name of a folder or URL → the release in it, if it is one.
import type { FilePlatform, ResolveOptions } from "../location.js";
import { isUrl } from "../place.js";
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
    const manifest = new URL(manifestName, name).href;
    const { openRelease } = await import("./open-release.js");
    return openRelease(
      { kind: "url", url: manifest },
      ({ path }) => ({ kind: "url", url: new URL(path, manifest).href }),
      options,
      platform,
    );
  }
  if (!files || isUrl(name)) return undefined;
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
