// The flags for tools that an answer can call.
import { CamelGPTError, describe, excerpt } from "../../../web/errors.js";
import type { ChatOptions, Tool } from "../entry/node.js";
import { isRecord } from "../check-options.js";
import { type Flag, type Flags, UsageError } from "./command.js";
import { readText } from "./input.js";

export const toolFlags: Record<string, Flag> = {
  tools: {
    takes: "text",
    value: "F",
    help:
      "With --chat: a JSON file with the tools that the model can call, [{name, description, parameters}]. The calls " +
      "are printed, not executed.",
  },
  "tool-choice": {
    takes: "text",
    value: "CHOICE",
    values: ["auto", "none", "required"],
    help: "With --tools: auto (the model decides; default), none, required, or the name of the tool to call.",
  },
};

/** Errors: UsageError, `not-found`, `read-failed`, `bad-input`. The tools themselves are checked by the chat. */
export async function toolOptions(flags: Flags): Promise<Pick<ChatOptions, "tools" | "toolChoice">> {
  const [path, choice] = [flags.text("tools"), flags.text("tool-choice")];
  if (path === undefined) {
    if (choice !== undefined) throw new UsageError("--tool-choice goes with --tools.");
    return {};
  }
  if (!flags.has("chat")) throw new UsageError("--tools goes with --chat.");
  const tools = await readTools(path);
  if (choice === undefined) return { tools };
  const isWord = choice === "auto" || choice === "none" || choice === "required";
  return { tools, toolChoice: isWord ? choice : { name: choice } };
}

/** Reads tools in the shape of the option `tools`, or in OpenAI's. */
async function readTools(path: string): Promise<Tool[]> {
  const text = await readText(path);
  let given: unknown;
  try {
    given = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (error) {
    throw new CamelGPTError("bad-input", `${path} is not JSON: ${describe(error)}`, {
      expected: "an array of tools",
      found: excerpt(text.slice(0, 40)),
    });
  }
  if (!Array.isArray(given)) {
    throw new CamelGPTError("bad-input", `${path} has no array of tools.`, {
      expected: '[{"name": "…", "description": "…", "parameters": {…}}]',
      found: excerpt(text.slice(0, 40)),
    });
  }
  return given.map((tool: unknown) => (isRecord(tool) && isRecord(tool["function"]) ? tool["function"] : tool) as Tool);
}
