// The tasks that a first generation does not need: in browsers a file of its own, which the worker loads on first use.
export { scoreAnswers } from "./answers.js";
export { saltNumber } from "./cache-salt.js";
export { embed } from "./embedding.js";
export { fillMasks } from "./masks.js";
export { match } from "./match.js";
export { score } from "./scoring.js";
export { SideBySide } from "./side-by-side.js";
export { tokenBiases } from "./token-biases.js";
export { loadState, saveState } from "./state.js";
