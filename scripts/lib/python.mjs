// Creates a virtual environment in the user's cache with the Python packages of the parity tests. The packages are
// pinned here; other pins make another environment.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { cacheFolder, ensureFolder } from "./cache.mjs";
import { Problem, capture, run, say } from "./run.mjs";

const packages = ["numpy==2.2.6", "gguf==0.19.0", "tokenizers==0.23.3", "sentencepiece==0.2.3"];

/** Downloads one package, without those it depends on, into `folder`. */
export function pipDownload(requirement, folder, flags = []) {
  const always = ["--disable-pip-version-check", "--no-deps", "--dest", folder];
  return run("python3", ["-m", "pip", "download", ...always, ...flags, requirement]);
}

/** The path of an interpreter that has numpy, gguf, tokenizers and sentencepiece. */
export async function ensurePython() {
  const pins = createHash("sha256").update(packages.join()).digest("hex").slice(0, 8);
  const folder = await ensureFolder(cacheFolder("python", `parity-${pins}`), makeEnvironment);
  return pythonOf(folder);
}

async function makeEnvironment(folder) {
  say(`python: installing ${packages.join(" ")} (PyPI, about 40 MB)`);
  // Without pip: Debian splits its prerequisite into a separate package. The system's pip installs into the
  // environment.
  await run("python3", ["-m", "venv", "--without-pip", folder]);
  const pip = ["-m", "pip", "--python", pythonOf(folder), "--disable-pip-version-check", "--quiet"];
  await run("python3", [...pip, "install", "--only-binary", ":all:", ...packages]);
  const { ok, stderr } = capture(pythonOf(folder), ["-c", "import numpy, gguf, tokenizers, sentencepiece"]);
  if (!ok) throw new Problem(`the Python packages do not work: ${stderr.trim().split("\n").at(-1)}`);
}

function pythonOf(folder) {
  return process.platform === "win32" ? join(folder, "Scripts", "python.exe") : join(folder, "bin", "python");
}
