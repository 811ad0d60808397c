// The options of an answer, and the tools among them.
import { orAborted } from "../../../web/errors.js";
import type { ModelConnection } from "../model-connection.js";
import { splitChatOptions } from "../options.js";
import type { AnswerOptions, ChatState } from "./session-state.js";
import type { TemplateSettings } from "./template-settings.js";

/** The options of an answer of a session: its own, and the session's. Errors: `bad-option`. */
export function splitAnswerOptions(
  { options }: ChatState,
  own: AnswerOptions | undefined,
): ReturnType<typeof splitChatOptions> {
  const { overflow: _, onDrop: __, ...defaults } = options;
  return splitChatOptions({ ...defaults, ...own });
}

/**
 * Loads the code of tools, and checks those of the options. Returns undefined if the model can call no tool.
 * Errors: `bad-option`, `bad-schema`, `aborted`.
 */
export async function loadTools({ limits }: ModelConnection, { toolOptions }: TemplateSettings, signal: AbortSignal) {
  if (!toolOptions) return undefined;
  const { checkTools, runSteps } = await orAborted(import("../tools/tools.js"), signal);
  const checked = checkTools(toolOptions, limits);
  return checked && { checked, runSteps };
}
