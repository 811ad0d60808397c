// The code of tools, loaded by the first chat with the option `tools`.
export { adaptMessages } from "./adapt-messages.js";
export { checkTools } from "./check-tools.js";
export { allFamilies, toolFamily } from "./families.js";
export { toolGrammar } from "./grammar.js";
export { ToolCallParser } from "./parser.js";
export { planTools } from "./plan-tools.js";
export { runSteps } from "./steps.js";
export { newCallId } from "./tool-ids.js";
