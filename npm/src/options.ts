// The options of the package.
export * from "./options/chat.js";
export type * from "./options/decide.js";
export * from "./options/generate.js";
export * from "./options/limits.js";
export * from "./options/load.js";
export type * from "./options/tasks.js";
