// The calibration that is kept for a model between loads.
import { CamelGPTError } from "../../web/errors.js";
import type { ResolvedSource } from "../../web/load/location.js";
import type { Sidecar } from "../../web/load/sidecar.js";
import { writeWhole } from "../../web/load/stores/entries.js";
import { calibrationName, readCalibration } from "../../web/load/stores/kept-sidecar.js";
import type { CallerPlatform } from "../../web/worker/platform.js";
import type { LoadOptions } from "./options.js";

/** Where the calibration of one model is kept. */
export interface KeptCalibration {
  /** Returns undefined if there is none, or if it cannot be read: then the model is calibrated again. */
  read(): Promise<Sidecar | undefined>;
  write(sidecar: Uint8Array): Promise<void>;
}

/**
 * Returns undefined if nothing is kept for this model: without a store, for bytes without a name, with the option
 * `cache: false`, and for a model with a signature or a hash of the caller, which no file without one may change.
 */
export async function keptCalibration(
  source: unknown,
  { location, release }: ResolvedSource,
  { cache, sha256, requireSignature }: LoadOptions,
  { openStore, files }: CallerPlatform,
): Promise<KeptCalibration | undefined> {
  const [first = location] = location.kind === "shards" ? location.files : [];
  const isOff = cache === false || (first.kind === "url" && first.cache === "off");
  if (!openStore || isOff || release || sha256 !== undefined || requireSignature) return undefined;
  // Insecure pages cannot compute the hashes in names. They have no store either.
  const name = await calibrationName(location, source, files).catch(() => undefined);
  if (name === undefined) return undefined;
  return {
    async read() {
      try {
        const store = await openStore();
        return store && (await readCalibration(store, name));
      } catch {
        return undefined;
      }
    },
    async write(sidecar) {
      const store = await openStore();
      if (!store) throw cannotKeep();
      await writeWhole(store, name, sidecar);
    },
  };
}

/** The error of a calibration that should be kept, but has no place. */
export function cannotKeep(): CamelGPTError {
  return new CamelGPTError("bad-option", "The calibration of this model cannot be kept.", {
    expected: "a cached download, a local file, or a File, without requireSignature, sha256 and `cache: false`",
    hint: "Store the sidecar that calibrate() returns, and load the model with the option `sidecar`.",
  });
}
