// The records of the border: types, layouts, rules and words made from the tables of the core.
export * from "../../build/wasm/records.js";

/** Options of which any may be missing. */
export type DeepPartial<T> = { [K in keyof T]?: (T[K] extends object ? DeepPartial<T[K]> : T[K]) | undefined };
