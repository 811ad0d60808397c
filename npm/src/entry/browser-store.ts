// The store for downloads in browsers: the private file system or, if it is missing or cannot be written, the Cache
// API.
import { openCacheApi } from "../../../web/load/stores/cache-api.js";
import type { OpenStore } from "../../../web/load/stores/file-store.js";
import { openFileSystem } from "../../../web/load/stores/opfs.js";
import { twoStores } from "../../../web/load/stores/two-stores.js";

export const openStore: OpenStore = async (warn = () => {}) => {
  const [fileSystem, cacheApi] = await Promise.all([openFileSystem(), openCacheApi()]);
  return fileSystem && cacheApi ? twoStores(fileSystem, cacheApi, warn) : (fileSystem ?? cacheApi);
};
