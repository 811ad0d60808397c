// The name of a model on a hub → its parts, and the addresses of files.
import { CamelGPTError, excerpt } from "../../errors.js";
import type { CatalogueEntry } from "./catalogue.js";

export interface HubName {
  /** `owner/repo`. */
  repository: string;
  /** A branch, tag or commit. */
  revision: string;
  /** The path of a file; otherwise a file is chosen. */
  file?: string | undefined;
  /** The quantisation to choose, such as `Q4_K_M`. */
  quantisation?: string | undefined;
}

const form = "owner/repo, owner/repo@revision, owner/repo:Q4_K_M or owner/repo/file.gguf";

/** Errors: `bad-option` for a segment that could lead elsewhere. */
export function parseHubName(name: string): HubName {
  const [, owner = "", repo = "", revision = "main", file, quantisation] =
    /^([^/]*)\/([^/@:]*)(?:@([^:]+?))?(?:\/(.+\.gguf)|:([\w.-]+))?$/is.exec(name) ?? [];
  const segments = [owner, repo, ...revision.split("/"), ...(file?.split("/") ?? [])];
  const odd = segments.find(isOddSegment);
  if (odd !== undefined) {
    throw new CamelGPTError("bad-option", `${excerpt(name)} is not the name of a model on a hub.`, {
      expected: `${form}, without empty segments, \`.\`, \`..\`, \`\\\` and percent-encoded characters`,
      found: `the segment ${excerpt(odd)}`,
      hint: "Write the names of the owner, the repository and the file as the hub shows them.",
    });
  }
  return { repository: `${owner}/${repo}`, revision, file, quantisation };
}

export const hubNameOf = ({ repository = "", revision = "main", file }: CatalogueEntry): HubName => ({
  repository,
  revision,
  file,
});

/** Whether a segment of a path is empty, leads elsewhere, or has no form in a URL. */
export const isOddSegment = (segment: string) =>
  /^\.{0,2}$|[\\\0-\x1f\x7f]|%[0-9a-f]{2}/i.test(segment) || /[\ud800-\udfff]/u.test(segment);

export function fileUrl(hub: string, { repository, revision }: HubName, path: string): string {
  return joinUrl(
    hub,
    `${repository}/resolve/${encodeURIComponent(revision)}/${path.split("/").map(encodeURIComponent).join("/")}`,
  );
}

/** The address of the list of a repository's files. */
export function listUrl(hub: string, { repository, revision }: HubName): string {
  return joinUrl(hub, `api/models/${repository}/tree/${encodeURIComponent(revision)}?recursive=true`);
}

export function joinUrl(base: string, path: string): string {
  return `${base.replace(/\/+$/, "")}/${path}`;
}
