// The shapes of the engine's results: the same in a worker, on the caller's thread, and in the CLI's JSON.
export type * from "./types/answers.js";
export type * from "./types/epdp.js";
export type * from "./types/format.js";
export type * from "./types/generation.js";
export type * from "./types/model.js";
export type * from "./types/tasks.js";
