// The options of tools → tools with JSON schemas, checked.
import { asCamelGPTError, CamelGPTError, excerpt } from "../../../web/errors.js";
import type { JsonSchema } from "../../../web/grammar/json-schema.js";
import type { StandardSchema } from "../../../web/types/format.js";
import { isStandardSchema, jsonSchemaOf } from "../format/standard-schema.js";
import { type Limits, refuseAbove } from "../options/limits.js";
import { isRecord } from "../check-options.js";
import { copyPlain, plainData } from "../plain-data.js";
import type { ToolShape } from "./tool-shape.js";
import { wellFormed } from "./well-formed.js";
import type { Tool, ToolChoice, ToolContext, ToolOptions } from "./tool.js";

/** A tool whose parameters are plain data. */
export interface CheckedTool extends ToolShape {
  execute?: ((input: unknown, context: ToolContext) => unknown) | undefined;
  /** The schema that the arguments pass through before `execute`. */
  standard?: StandardSchema | undefined;
}

export interface CheckedTools {
  tools: readonly CheckedTool[];
  choice: ToolChoice;
  isParallel: boolean;
  maxSteps: number;
}

const namePattern = /^[A-Za-z0-9_-]{1,64}$/;
const defaultSteps = 8;

/**
 * Returns undefined if the model can call no tool.
 * Errors: `bad-option` for a tool or a choice that is not valid, `bad-schema` for parameters that are not the schema of
 * an object.
 */
export function checkTools(
  options: { readonly [K in keyof ToolOptions]: ToolOptions[K] | undefined },
  limits?: Limits,
): CheckedTools | undefined {
  const { tools = [], toolChoice = "auto", parallelToolCalls = true, maxSteps = defaultSteps } = options;
  const checked = tools.map((tool, index) => checkTool(tool, index));
  const shown = checked.map(({ name, description, parameters }) => ({ name, description, parameters }));
  refuseAbove(limits, "formatLength", JSON.stringify(shown).length);
  const names = new Set<string>();
  for (const { name } of checked) {
    if (names.size === names.add(name).size) {
      throw new CamelGPTError("bad-option", `Two tools have the name ${name}.`, {
        expected: "a name for each tool that no other has",
        found: `${checked.filter((tool) => tool.name === name).length} tools named ${name}`,
      });
    }
  }
  const isNamed = typeof toolChoice === "object";
  if (isNamed && !names.has(toolChoice.name)) {
    throw new CamelGPTError("bad-option", "The option toolChoice names a tool that is not in `tools`.", {
      expected: names.size > 0 ? `one of ${[...names].join(", ")}` : "the name of a tool in the option `tools`",
      found: excerpt(String(toolChoice.name)),
    });
  }
  if (toolChoice === "required" && checked.length === 0) {
    throw new CamelGPTError("bad-option", "The option toolChoice requires a call, but there are no tools.", {
      expected: "at least one tool in the option `tools`",
      found: "none",
    });
  }
  if (checked.length === 0 || toolChoice === "none") return undefined;
  return { tools: checked, choice: toolChoice, isParallel: parallelToolCalls, maxSteps };
}

function checkTool(given: Tool, index: number): CheckedTool {
  if (!isRecord(given)) {
    throw new CamelGPTError("bad-option", `Tool ${index} of the option tools is not an object.`, {
      expected: "{ name, description, parameters, execute }",
      found: given === null ? "null" : typeof given,
    });
  }
  const { name, description, parameters, execute } = given as Tool;
  if (typeof name !== "string" || !namePattern.test(name)) {
    throw new CamelGPTError("bad-option", `Tool ${index} of the option tools has no valid name.`, {
      expected: "1 to 64 letters, digits, hyphens and underscores",
      found: typeof name === "string" ? excerpt(name) : typeof name,
    });
  }
  if (description !== undefined && typeof description !== "string") {
    throw new CamelGPTError("bad-option", `The description of the tool ${name} is not a text.`, {
      expected: "a text",
      found: typeof description,
    });
  }
  if (execute !== undefined && typeof execute !== "function") {
    throw new CamelGPTError("bad-option", `The execute of the tool ${name} is not a function.`, {
      expected: "a function of the arguments",
      found: typeof execute,
    });
  }
  const standard = isStandardSchema(parameters) ? parameters : undefined;
  const schema = standard ? convert(standard, name) : parameters;
  return {
    name,
    description: description === undefined ? undefined : wellFormed(description),
    parameters: objectSchema(schema as JsonSchema | undefined, name),
    standard,
    execute: execute && ((input, context) => execute.call(given, input, context)),
  };
}

/** Errors: `bad-schema`, naming the tool. */
function convert(standard: StandardSchema, tool: string): JsonSchema {
  try {
    return jsonSchemaOf(standard);
  } catch (error) {
    const { message, expected, found, hint } = asCamelGPTError(error);
    throw new CamelGPTError("bad-schema", `The parameters of the tool ${tool} cannot be converted: ${message}`, {
      expected,
      found,
      hint,
      cause: error,
    });
  }
}

function objectSchema(schema: JsonSchema | undefined, tool: string): JsonSchema {
  if (schema === undefined) return { type: "object", properties: {}, additionalProperties: false };
  const copy = plain(schema, tool);
  if (
    isRecord(copy) &&
    copy["type"] === undefined &&
    (isRecord(copy["properties"]) || Object.keys(copy).length === 0)
  ) {
    return { type: "object", properties: {}, ...copy };
  }
  if (isRecord(copy) && copy["type"] === "object") return copy;
  throw new CamelGPTError("bad-schema", `The parameters of the tool ${tool} are not a schema of an object.`, {
    expected: 'a JSON schema with type: "object"',
    found: isRecord(copy) ? excerpt(JSON.stringify(copy)) : JSON.stringify(copy),
  });
}

/** A copy that can be posted to a worker. */
function plain(data: unknown, tool: string): unknown {
  const refuse = (found: string) =>
    new CamelGPTError("bad-schema", `The parameters of the tool ${tool} are not plain data.`, {
      expected: plainData,
      found,
    });
  const leaf = (value: unknown) => {
    if (typeof value === "string") return wellFormed(value);
    if (typeof value === "boolean" || value === null || Number.isFinite(value)) return value;
    throw refuse(typeof value === "number" ? String(value) : `a ${typeof value}`);
  };
  return copyPlain(data, leaf, refuse);
}
