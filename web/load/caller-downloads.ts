// Downloads on the caller's thread: of manifests, of sidecars, and with the caller's own `fetch`. All others are the
// engine's, so the browser's entry loads this module when it is first used.
export { checkedSource } from "./integrity/checked-source.js";
export { openUrl } from "./sources/http.js";
export { openParallel } from "./sources/parallel.js";
export { cacheBytes, openCachedUrl, readCachedBytes } from "./stores/cache.js";
