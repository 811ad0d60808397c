// The interface of a store for downloads: files by name, in a folder, a private file system or a browser's cache.
import type { ByteSource } from "../sources/source.js";

export interface FileStore {
  /** Returns undefined if there is no such file. */
  open(name: string): Promise<ByteSource | undefined>;
  create(name: string): Promise<FileWriter>;
  /** The file may be missing. */
  remove(name: string): Promise<void>;
  names(): Promise<string[]>;
  /** Notes that a file is used now. */
  touch?(name: string): Promise<void>;
  /** When a file was written or touched, in milliseconds; undefined if that is unknown. */
  usedAt?(name: string): Promise<number | undefined>;
  /** Bytes that the store should hold; undefined: no limit. */
  quota?(): Promise<number | undefined>;
}

/**
 * Opens the store; undefined if the environment has none. `warn` is called with a problem, as one sentence. `folder`
 * replaces the user's cache folder, if there is a file system.
 */
export type OpenStore = (warn?: (note: string) => void, folder?: string) => Promise<FileStore | undefined>;

export interface FileWriter {
  write(bytes: Uint8Array, at: number): Promise<void>;
  /** Completes the file. Without this call it may be missing or incomplete. */
  close(): Promise<void>;
}
