// The store of a page, which removes downloads. That of its worker does not.
import type { OpenStore } from "../../../web/load/stores/file-store.js";
import { forCaller } from "../../../web/load/stores/opfs-caller.js";
import { openStore } from "./browser-store.js";

export const openPageStore: OpenStore = async (warn) => {
  const store = await openStore(warn);
  return store && forCaller(store);
};
