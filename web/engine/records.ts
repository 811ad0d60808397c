// The structs of the core: types, layouts, rules and help texts, generated from its tables.
export * from "../../build/wasm/records.js";

/** The type with every property optional, also in nested objects. */
export type DeepPartial<T> = { [K in keyof T]?: (T[K] extends object ? DeepPartial<T[K]> : T[K]) | undefined };
