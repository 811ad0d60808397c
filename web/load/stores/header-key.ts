// The headers of a request → the part of a copy's key that tells them. It is a keyed digest: the names of
// kept files do not help to guess a token.
import { toHex } from "../../hex.js";
import type { HttpSettings } from "../sources/http-options.js";
import { readAll } from "../sources/read-all.js";
import type { ResolveOptions } from "../location.js";
import type { FileStore, OpenStore } from "./file-store.js";
import { secretName, writeWhole } from "./entries.js";

const secretBytes = 32;

/** Loads that start together must not create a secret each. */
let creating: Promise<unknown> = Promise.resolve();

/** Adds the digest of the headers to the options. If there is no store that works, nothing is kept. */
export async function withHeaderKey(
  options: ResolveOptions,
  openStore: OpenStore | undefined,
): Promise<ResolveOptions> {
  const { http } = options;
  try {
    const store = await openStore?.();
    if (store) return { ...options, http: { ...http, headerKey: await headerKey(store, http) } };
  } catch {
    // The load itself says why the store does not work, if it is asked to use it.
  }
  return options;
}

async function headerKey(store: FileStore, { headers }: HttpSettings): Promise<string> {
  const secret = (creating = creating.catch(() => {}).then(() => readSecret(store)));
  const sent = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  sent.sort(([a], [b]) => (a < b ? -1 : 1));
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const { subtle } = globalThis.crypto;
  const key = await subtle.importKey("raw", (await secret) as Uint8Array<ArrayBuffer>, algorithm, false, ["sign"]);
  const digest = await subtle.sign("HMAC", key, new TextEncoder().encode(JSON.stringify(sent)));
  return toHex(new Uint8Array(digest));
}

async function readSecret(store: FileStore): Promise<Uint8Array> {
  const source = await store.open(secretName);
  const kept = source && (await readAll(source, 2 * secretBytes, "the secret of the store"));
  if (kept?.length === secretBytes) return kept;
  const secret = globalThis.crypto.getRandomValues(new Uint8Array(secretBytes));
  await writeWhole(store, secretName, secret);
  return secret;
}
