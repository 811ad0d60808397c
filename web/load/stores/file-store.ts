// The interface of a store for downloads: files by name, in a folder, a private file system or a browser's cache.
import type { ByteSource } from "../sources/source.js";

export interface FileStore {
  /** Returns undefined if there is no such file. */
  open(name: string): Promise<ByteSource | undefined>;
  create(name: string): Promise<FileWriter>;
  /** The file may be missing. */
  remove(name: string): Promise<void>;
  names(): Promise<string[]>;
}

/** Opens the store; undefined if the environment has none. `warn` is called with a problem, as one sentence. */
export type OpenStore = (warn?: (note: string) => void) => Promise<FileStore | undefined>;

export interface FileWriter {
  write(bytes: Uint8Array, at: number): Promise<void>;
  /** Completes the file. Without this call it may be missing or incomplete. */
  close(): Promise<void>;
}
