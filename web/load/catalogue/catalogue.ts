// The catalogue: models that can be named without an address.
import type { SamplingDefaults } from "../../types.js";
import models from "./models.json" with { type: "json" };

export interface CatalogueEntry {
  name: string;
  /** The model and its quantisation, for people. */
  title: string;
  /** Number of weights. */
  parameters: number;
  licence: string;
  /** Tasks that the model is good for, as a phrase. */
  use: string;
  /** `owner/repo` on the hub. Missing for the model in the package. */
  repository?: string;
  /** The branch, tag or commit. @default "main" */
  revision?: string;
  /** The path of the model in the repository. */
  file?: string;
  /** Size of the file, if known. */
  bytes?: number;
  /** SHA-256 of the file in hexadecimal, if known. */
  sha256?: string;
  /** The sidecar in the same repository, if there is one. */
  sidecar?: { file: string; bytes: number; sha256: string };
  /** The sampling that the publisher of the model recommends for answers. */
  sampling?: SamplingDefaults;
  /**
   * Whether the address, size and hash have been compared with the hub's (`node scripts/verify-catalogue.mjs`). Until
   * then the hub's own hash is used, and another file of the repository if this one is missing.
   */
  verified: boolean;
}

export const catalogue: readonly CatalogueEntry[] = models;

/** Upper and lower case do not matter. */
export function catalogueEntry(name: string): CatalogueEntry | undefined {
  const lower = name.toLowerCase();
  return catalogue.find((entry) => entry.name === lower);
}
