// Where browsers keep downloads.
import type { FileStore } from "../../../web/load/cache.js";
import { openCacheApi } from "../../../web/load/cache-api.js";
import { openFileSystem } from "../../../web/load/opfs.js";

export const openStore = async (): Promise<FileStore | undefined> => (await openFileSystem()) ?? openCacheApi();
