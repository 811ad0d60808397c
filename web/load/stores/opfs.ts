// The origin private file system of browsers as a store.
import { withTimeout } from "../../timeout.js";
import { blobSource } from "../sources/memory.js";
import type { ByteSource } from "../sources/source.js";
import type { FileStore, FileWriter } from "./file-store.js";

/** Milliseconds to wait for the file system. Some browsers leave promises of handles pending. */
const maxWait = 3000;

/** Declared by TypeScript's library for workers only. */
interface SyncHandle {
  /** Missing in browsers whose handles are always exclusive. */
  readonly mode?: string;
  getSize(): number;
  read(target: Uint8Array, options: { at: number }): number;
  write(bytes: Uint8Array, options: { at: number }): number;
  flush(): void;
  close(): void;
}
type Handle = FileSystemFileHandle & { createSyncAccessHandle?(options?: { mode: string }): Promise<SyncHandle> };

/** Returns undefined if there is no private file system: insecure pages, some private modes, older browsers. */
export async function openFileSystem(): Promise<FileStore | undefined> {
  let folder: FileSystemDirectoryHandle;
  try {
    const root = navigator.storage.getDirectory();
    folder = await withTimeout(
      root.then((found) => found.getDirectoryHandle("camelgpt", { create: true })),
      maxWait,
    );
  } catch {
    return undefined;
  }
  const isMissing = (error: unknown) => (error as Error).name === "NotFoundError";
  return {
    async open(name) {
      try {
        const file = await folder.getFileHandle(name);
        return (await handleSource(file)) ?? blobSource(await file.getFile(), name);
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    },
    async create(name) {
      try {
        return await closedIfLate(folder.getFileHandle(name, { create: true }).then(writerOf));
      } catch (error) {
        await folder.removeEntry(name).catch(() => {}); // pages in Safari can create files but not write them
        throw error;
      }
    },
    async remove(name) {
      try {
        await folder.removeEntry(name);
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    },
    async names() {
      const names: string[] = [];
      const keys = (folder as unknown as { keys(): AsyncIterable<string> }).keys();
      for await (const name of keys) names.push(name);
      return names;
    },
  };
}

/** Rejects if a file is not open in time, and closes one that opens later. */
function closedIfLate<T extends { close(): unknown }>(opening: Promise<T>): Promise<T> {
  let isLate = false;
  opening.then((opened) => isLate && opened.close()).catch(() => {});
  return withTimeout(opening, maxWait).catch((error: unknown) => {
    isLate = true;
    throw error;
  });
}

/** Reads without a detour through another process. Workers only, in browsers that allow several readers at a time. */
async function handleSource(file: Handle): Promise<ByteSource | undefined> {
  const opening = file.createSyncAccessHandle?.({ mode: "read-only" });
  const handle = opening && (await closedIfLate(opening).catch(() => undefined));
  if (!handle) return undefined;
  if (handle.mode !== "read-only") {
    handle.close();
    return undefined;
  }
  let at = 0;
  let isOpen = true;
  return {
    name: file.name,
    size: handle.getSize(),
    async read(target) {
      const count = isOpen ? handle.read(target, { at }) : 0;
      at += count;
      return count;
    },
    async close() {
      if (isOpen) handle.close();
      isOpen = false;
    },
  };
}

/** Synchronous handles are faster; only workers have them. */
async function writerOf(file: Handle): Promise<FileWriter> {
  const handle = await file.createSyncAccessHandle?.();
  if (!handle) {
    const stream = await file.createWritable();
    return {
      write: (bytes, position) => stream.write({ type: "write", position, data: bytes as Uint8Array<ArrayBuffer> }),
      close: () => stream.close(),
    };
  }
  return {
    async write(bytes, at) {
      if (handle.write(bytes, { at }) !== bytes.length) throw new Error("the disk is full");
    },
    async close() {
      handle.flush();
      handle.close();
    },
  };
}
