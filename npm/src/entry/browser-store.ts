// Where browsers keep downloads.
import type { FileStore } from "../../../web/load/stores/cache.js";
import { openCacheApi } from "../../../web/load/stores/cache-api.js";
import { openFileSystem } from "../../../web/load/stores/opfs.js";

export const openStore = async (): Promise<FileStore | undefined> => (await openFileSystem()) ?? openCacheApi();
