// The store for downloads in browsers: the private file system, or else the Cache API.
import { openCacheApi } from "../../../web/load/stores/cache-api.js";
import type { OpenStore } from "../../../web/load/stores/file-store.js";
import { openFileSystem } from "../../../web/load/stores/opfs.js";

export const openStore: OpenStore = async () => (await openFileSystem()) ?? openCacheApi();
