// Reads each package-lock.json and prints every package that is not pinned by a hash, comes from an unexpected place,
// runs a script when it is installed, differs from package.json, or has a licence that is not allowed. A step of `npm
// test`.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { isAllowedLicence } from "./lib/licences.mjs";
import { pinnedVersion } from "./lib/peers.mjs";
import { Problem, isMain, listSources, repositoryRoot, runMain, say } from "./lib/run.mjs";

/** Packages that may run a script when they are installed: all of them choose a program for the machine. */
const allowedScripts = ["esbuild", "node-llama-cpp", "workerd"];

/** The package itself, in the examples. */
const localPackage = "file:../../npm";

/** Tools of the tests and the demo's build under MPL-2.0, of which nothing is shipped. */
const foreignTools = /(^|\/)(@axe-core\/playwright|axe-core|lightningcss(-[\w-]+)?)$/;

/** The fields that package-lock.json repeats from package.json. */
const sharedFields = [
  ...["name", "version", "license", "workspaces", "engines"],
  ...["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"],
];
const dependencyFields = sharedFields.filter((name) => name.endsWith("ependencies"));

const exactVersion = /^\d+\.\d+\.\d+(-[\w.]+)?$/;

/**
 * Every finding in a lock file, as one sentence each.
 *
 * @param lock      the contents of package-lock.json
 * @param manifests the contents of package.json of the root ("") and of each workspace, by folder
 * @param isShipped whether the packages can become part of the published one, so that their licences matter
 */
export function checkLock(lock, manifests, isShipped = true) {
  const findings = [];
  if (lock.lockfileVersion !== 3) findings.push(`lockfileVersion is ${lock.lockfileVersion}, not 3`);
  const packages = lock.packages ?? {};
  for (const [path, entry] of Object.entries(packages)) {
    if (Object.hasOwn(manifests, path)) continue;
    if (entry.link) {
      if (!Object.hasOwn(manifests, entry.resolved)) findings.push(`${path} links to ${entry.resolved}`);
      continue;
    }
    if (entry.resolved === localPackage) continue;
    findings.push(...checkEntry(path, entry));
    const matters = isShipped && !(entry.license === "MPL-2.0" && foreignTools.test(path));
    if (matters && !isAllowedLicence(entry.license)) findings.push(`${path} has the licence ${entry.license}`);
  }
  const hosts = new Set(Object.values(packages).flatMap(({ resolved, link }) => (link ? [] : [hostOf(resolved)])));
  hosts.delete(undefined);
  if (hosts.size > 1) findings.push(`the packages come from several hosts: ${[...hosts].sort().join(", ")}`);
  for (const [path, manifest] of Object.entries(manifests)) {
    findings.push(...checkManifest(path, manifest, packages, manifests));
  }
  return findings;
}

/** The host of an address; undefined if the lock file does not name it, so that npm asks its own registry. */
const hostOf = (resolved) => (URL.canParse(resolved) && new URL(resolved).host) || undefined;

function checkEntry(path, { integrity, resolved, hasInstallScript, version }) {
  const findings = [];
  const name = path.split("node_modules/").at(-1);
  if (!path.startsWith("node_modules/")) findings.push(`${path} is neither a package nor a workspace`);
  if (!/^sha512-[\w+/]{86}==$/.test(integrity ?? "")) findings.push(`${path} has no SHA-512 (integrity)`);
  if (!exactVersion.test(version ?? "")) findings.push(`${path} has the version ${version}`);
  if (resolved !== undefined && !/^https:\/\//.test(resolved)) findings.push(`${path} comes from ${resolved}`);
  if (hasInstallScript && !allowedScripts.includes(name)) findings.push(`${path} runs a script when it is installed`);
  return findings;
}

/** Compares package.json with its entry in the lock file, and with the packages there. */
function checkManifest(path, manifest, packages, manifests) {
  const file = path === "" ? "package.json" : `${path}/package.json`;
  const entry = packages[path];
  if (!entry) return [`the lock file has no entry for ${file}`];
  const findings = sharedFields
    .filter((field) => !isDeepStrictEqual(manifest[field], entry[field]))
    .map((field) => `${file} and the lock file differ in ${field}`);
  for (const [name, version] of dependencyFields.flatMap((field) => Object.entries(manifest[field] ?? {}))) {
    if (version === localPackage) continue;
    const pinned = pinnedVersion(version);
    if (!exactVersion.test(pinned)) findings.push(`${file} has ${name} ${version}, which is not one version`);
    const nested = packages[`${path}/node_modules/${name}`] ?? packages[`node_modules/${name}`];
    const found = nested?.link ? manifests[nested.resolved]?.version : nested?.version;
    if (found !== pinned) findings.push(`${file} has ${name} ${version}, the lock file ${found}`);
  }
  return findings;
}

/** Prints every finding in the lock files of the project, its examples and its tests; throws a Problem if any. */
export function expectPinnedDependencies() {
  let count = 0;
  for (const path of listSources("package-lock.json", "**/package-lock.json")) {
    const read = (name) => JSON.parse(readFileSync(join(repositoryRoot, dirname(path), name), "utf8"));
    const folders = ["", ...(read("package.json").workspaces ?? [])];
    const manifests = Object.fromEntries(folders.map((folder) => [folder, read(join(folder, "package.json"))]));
    const findings = checkLock(read("package-lock.json"), manifests, path === "package-lock.json");
    for (const finding of findings) say(`${path}: ${finding}`);
    count += findings.length;
  }
  if (count > 0) throw new Problem(`${count} finding(s) in lock files`);
}

if (isMain(import.meta.url)) await runMain(expectPinnedDependencies);
