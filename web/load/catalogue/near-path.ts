// A path that does not exist → an existing one that was probably meant.
import { nearest } from "../../nearest.js";
import type { FilePlatform } from "../location.js";

/** Names of a folder that are compared. */
const maxNames = 2000;

/** Looks for a similar name in the folder of the path, or in a folder with a similar name. */
export async function nearPath(path: string, { files }: FilePlatform): Promise<string | undefined> {
  if (!files) return undefined;
  const [, folder = "", name = ""] = /^(.*[\\/])?([^\\/]+)$/s.exec(path) ?? [];
  if (name === "") return undefined;
  const inside = await namesIn(files, folder || ".");
  if (inside) {
    const near = nearest(name, inside);
    return near === undefined ? undefined : folder + near;
  }
  const existing = await nearFolder(folder, files);
  if (existing === undefined) return undefined;
  const others = (await namesIn(files, existing)) ?? [];
  const near = others.includes(name) ? name : nearest(name, others);
  return near === undefined ? undefined : existing + near;
}

/**
 * For a name that could be one on a hub: the path of a file that has the same name in a folder with a similar one.
 */
export async function pathInNearFolder(name: string, files: FilePlatform["files"]): Promise<string | undefined> {
  const [, folder = "", rest = ""] = /^([^/]+\/)(.+)$/s.exec(name) ?? [];
  const existing = files && (await nearFolder(folder, files));
  if (!files || existing === undefined) return undefined;
  const path = existing + rest;
  return (await files.kindOf(path)) === "file" ? path : undefined;
}

type Files = NonNullable<FilePlatform["files"]>;

/** The names of models and folders in a folder; undefined if it does not exist. */
async function namesIn(files: Files, folder: string): Promise<string[] | undefined> {
  if ((await files.kindOf(folder)) !== "folder") return undefined;
  const names = (await files.names(folder)).slice(0, maxNames);
  return names.filter((each) => /\.gguf$/i.test(each) || !each.includes("."));
}

/** A folder with a similar name beside the last one of a path that ends with a separator. */
async function nearFolder(folder: string, files: Files): Promise<string | undefined> {
  const [, above = "", name = "", separator = "/"] = /^(.*[\\/])?([^\\/]+)([\\/])$/s.exec(folder) ?? [];
  const others = (await files.names(above || ".")).slice(0, maxNames);
  const near = nearest(name, others);
  if (near === undefined || (await files.kindOf(above + near)) !== "folder") return undefined;
  return above + near + separator;
}
