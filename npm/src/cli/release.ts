// camelgpt release: a folder with a model → its manifest camelgpt.json, signed if a key is given.
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { open, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, extname, join, resolve } from "node:path";

import { CamelGPTError, describe } from "../../../web/errors.js";
import type { Signature } from "../../../web/load/integrity/web-crypto.js";
import { keyIdOf, manifestFormat, signedText } from "../../../web/load/releases/manifest.js";
import { manifestName } from "../../../web/load/releases/manifest-name.js";
import { blockHashBytes, hashedBlockBytes, hashedPieceBytes } from "../../../web/load/sizes.js";
import { CamelGPTInference } from "../entry/node.js";
import { type Command, UsageError } from "./command.js";
import { printJson, printLine } from "./output.js";

const roles: Record<string, string> = { ".gguf": "weights", ".epdp": "sidecar" };

export const release: Command = {
  summary: "write the manifest of a folder with a model, with hashes and a signature",
  usage: "FOLDER --version V [--license L] [--date D] [--key F]",
  flags: {
    version: { takes: "text", value: "V", help: "The release's version, for example 1.0.0." },
    license: { takes: "text", value: "L", help: "Licence of the weights (default: the one in the model file)." },
    name: { takes: "text", value: "N", help: "The release's name (default: the folder's)." },
    date: { takes: "text", value: "D", help: "When it was made, for example 2026-11-30T12:00:00Z (default: now)." },
    key: {
      takes: "text",
      value: "F",
      help: "Private key, Ed25519 in PEM (openssl genpkey -algorithm ed25519); without one the release is not signed.",
    },
  },

  async run(flags) {
    const folder = flags.positionals[0];
    const version = flags.text("version");
    if (folder === undefined || version === undefined)
      throw new UsageError("The folder or --version is missing.", "camelgpt release FOLDER --version 1.0.0");
    const date = dateOf(flags.text("date"));
    const key = flags.text("key");
    const files = await describeFiles(folder);
    const weights = files.find(({ role }) => role === "weights");
    if (!weights) {
      throw new CamelGPTError("not-found", `There is no model in ${folder}.`, {
        expected: "a file *.gguf",
        found: files.map(({ path }) => path).join(", ") || "none",
      });
    }
    const { parameters, metadata } = await CamelGPTInference.inspect(join(folder, weights.path), { worker: false });
    const license = flags.text("license") ?? metadata["general.license"];
    if (typeof license !== "string")
      throw new UsageError("The model does not name its licence.", "Name it with --license.");
    const manifest: Record<string, unknown> = {
      format: manifestFormat,
      name: flags.text("name") ?? basename(resolve(folder)),
      version,
      license,
      date,
      parameters,
      files,
    };
    if (key !== undefined) manifest["signature"] = await signatureOf(manifest, await privateKey(key));
    const path = join(folder, manifestName);
    await writeFile(path, `${JSON.stringify(manifest, null, 2)}\n`);
    const { publicKey = null } = (manifest["signature"] ?? {}) as Partial<Signature>;
    if (flags.json)
      printJson({
        manifest: path,
        files: files.map(({ path, bytes }) => ({ path, bytes })),
        signedBy: publicKey,
      });
    else {
      for (const { path, bytes, role } of files) printLine(`${role.padEnd(8)} ${path}: ${bytes} bytes`);
      printLine(`${path}: ${publicKey ? `signed by ${publicKey}` : "not signed"}`);
    }
  },
};

/** Whole seconds of the present, or of a given time. Errors: UsageError. */
function dateOf(given: string | undefined): string {
  const date = given === undefined ? new Date() : new Date(given);
  if (Number.isNaN(date.getTime()) || !/^\d{4}-/.test(given ?? "2026-"))
    throw new UsageError(`--date wants a time such as 2026-11-30T12:00:00Z, not ${JSON.stringify(given)}.`);
  return date.toISOString().replace(/\.\d+Z$/, "Z");
}

interface FileEntry {
  role: string;
  path: string;
  bytes: number;
  /** SHA-256 of the whole file. */
  sha256: string;
  pieceBytes?: number;
  pieces?: string[];
}

async function describeFiles(folder: string): Promise<FileEntry[]> {
  let names: string[];
  try {
    names = (await readdir(folder)).sort();
  } catch (error) {
    throw new CamelGPTError("not-found", `${folder} cannot be read: ${describe(error)}`, {
      expected: "a folder with a model",
      cause: error,
    });
  }
  const files: FileEntry[] = [];
  const blocks: Buffer[] = [];
  for (const path of names) {
    const role = roles[extname(path)];
    if (role === undefined) continue;
    if (files.some((file) => file.role === role))
      throw new UsageError(`${folder} has more than one file with the role ${role}.`, "A release has one model.");
    files.push({ role, path, ...(await hashesOf(join(folder, path), role === "weights" ? blocks : undefined)) });
  }
  // Block hashes are for eager loading, which requires a sidecar.
  const weights = files.find(({ role, pieces }) => role === "weights" && pieces);
  if (weights && files.some(({ role }) => role === "sidecar")) {
    const path = `${basename(weights.path, ".gguf")}.blocks`;
    await writeFile(join(folder, path), Buffer.concat(blocks));
    files.push({ role: "blocks", path, ...(await hashesOf(join(folder, path))) });
  }
  return files;
}

/** Adds the first bytes of the SHA-256 of each block to `blocks`. */
async function hashesOf(
  path: string,
  blocks?: Buffer[],
): Promise<Pick<FileEntry, "bytes" | "sha256" | "pieceBytes" | "pieces">> {
  const file = await open(path, "r");
  try {
    const whole = createHash("sha256");
    const pieces: string[] = [];
    const buffer = Buffer.alloc(hashedPieceBytes);
    let bytes = 0;
    for (;;) {
      let filled = 0;
      for (let count = -1; count !== 0 && filled < hashedPieceBytes; filled += count) {
        count = (await file.read(buffer, filled, hashedPieceBytes - filled, null)).bytesRead;
      }
      if (filled === 0) break;
      const piece = buffer.subarray(0, filled);
      whole.update(piece);
      pieces.push(createHash("sha256").update(piece).digest("hex"));
      for (let at = 0; blocks && at < filled; at += hashedBlockBytes) {
        blocks.push(
          createHash("sha256")
            .update(piece.subarray(at, at + hashedBlockBytes))
            .digest()
            .subarray(0, blockHashBytes),
        );
      }
      bytes += filled;
    }
    return { bytes, sha256: whole.digest("hex"), ...(pieces.length > 1 && { pieceBytes: hashedPieceBytes, pieces }) };
  } finally {
    await file.close();
  }
}

async function privateKey(path: string): Promise<KeyObject> {
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(await readFile(path));
  } catch (error) {
    throw new CamelGPTError("bad-input", `${path} is no private key: ${describe(error)}`, {
      expected: "Ed25519 in PEM",
      cause: error,
    });
  }
  if (key.asymmetricKeyType === "ed25519") return key;
  throw new CamelGPTError("bad-input", `${path} is a key of another kind.`, {
    expected: "Ed25519",
    found: key.asymmetricKeyType,
  });
}

async function signatureOf(manifest: Record<string, unknown>, key: KeyObject): Promise<Signature> {
  const { x = "" } = createPublicKey(key).export({ format: "jwk" });
  const publicKey = Buffer.from(x, "base64url").toString("hex");
  return {
    keyId: await keyIdOf(publicKey),
    publicKey,
    value: sign(null, Buffer.from(signedText(manifest)), key).toString("hex"),
  };
}
