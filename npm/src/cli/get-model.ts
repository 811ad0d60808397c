// The model that a command names → the options with which it loads: models of a hub are pulled first, so that an
// interrupted download continues with the next command.
import { CamelGPTError, type ErrorCode } from "../../../web/errors.js";
import { pathInNearFolder } from "../../../web/load/catalogue/near-path.js";
import { isUrl } from "../../../web/load/place.js";
import { isOnHub } from "../../../web/load/resolve-name.js";
import { packagedRelease } from "../../../web/load/releases/known-releases.js";
import type { LoadOptions } from "../entry/node.js";
import { nodeFiles } from "../entry/node-files.js";
import { isCatalogued, keptHeaders, type PullOptions, pullModel } from "./pull/pull-model.js";
import type { Flags } from "./command.js";
import { pullOptions } from "./hub-flags.js";
import { pullProgress } from "./pull-progress.js";

/** The model of commands without --model, whatever else is on this machine. */
export const defaultModel = (): string => process.env["CAMELGPT_MODEL"] || packagedRelease;

/** Options that flags do not set: the headers with which the cache has the model, and that it is used at all. */
export async function getModel(
  name: string,
  flags: Flags,
  signal: AbortSignal,
): Promise<Pick<LoadOptions, "headers" | "cache">> {
  const requiresRelease = ["require-signature", "trust", "expect-name", "min-version"].some(
    (flag) => flags.has(flag) || flags.texts(flag).length > 0,
  );
  if (flags.has("no-cache") || requiresRelease) return {};
  const options = pullOptions(flags, signal);
  if (isUrl(name)) return /^https?:/i.test(name) ? kept(await keptHeaders(name, options)) : {};
  if (!(await isOfHub(name, flags))) return {};
  return kept((await keptHeaders(name, options)) ?? (await pulledHeaders(name, flags, options)));
}

/** The same as `getModel`, but pulls nothing: for commands that do not read a whole model. */
export async function keptOptions(
  name: string,
  flags: Flags,
  signal: AbortSignal,
): Promise<Pick<LoadOptions, "headers" | "cache">> {
  if (flags.has("no-cache") || !(/^https?:/i.test(name) || (await isOfHub(name, flags)))) return {};
  return kept(await keptHeaders(name, pullOptions(flags, signal)));
}

const kept = (headers: Record<string, string> | undefined): Pick<LoadOptions, "headers" | "cache"> =>
  headers ? { headers, cache: true } : {};

/** Whether a name leads to a hub, as `resolveName` decides it. */
async function isOfHub(name: string, flags: Flags): Promise<boolean> {
  if ((await nodeFiles.kindOf(name)) !== undefined) return false;
  if (isCatalogued(name)) {
    const path = nodeFiles.cachedRelease(name, flags.text("cache-folder"));
    return flags.text("releases") === undefined && (path === undefined || (await nodeFiles.kindOf(path)) !== "file");
  }
  if (!isOnHub(name, true) || (await nodeFiles.kindOf(name.split("/", 1)[0]!)) === "folder") return false;
  return (await pathInNearFolder(name, nodeFiles)) === undefined; // a misspelt path, which the load explains
}

async function pulledHeaders(
  name: string,
  flags: Flags,
  options: PullOptions,
): Promise<Record<string, string> | undefined> {
  if (flags.has("offline")) return undefined; // the load says that the model is not here
  const { headers } = await pullModel(name, { ...options, ...(!flags.json && pullProgress(name)) });
  return headers ?? {};
}

/** The error of the default model for a task that it cannot do, with the command that gets one that can. */
export function explainDefault(error: unknown, isDefault: boolean): unknown {
  if (!isDefault || defaultModel() !== packagedRelease || !(error instanceof CamelGPTError)) return error;
  const isUnable = /^(unsupported-task|no-chat-template)$/.test(error.code) || /nothing to prune/.test(error.message);
  if (!isUnable) return error;
  return notWithDefault(error.code, error.cause);
}

export function notWithDefault(code: ErrorCode = "unsupported-task", cause?: unknown): CamelGPTError {
  return new CamelGPTError(code, `The default model, ${packagedRelease}, cannot do this.`, {
    hint: "Run camelgpt pull smollm2-135m, then add --model smollm2-135m (or set CAMELGPT_MODEL=smollm2-135m).",
    cause,
  });
}
