// The text of a finished answer → its value.
import { CamelGPTError, describe, excerpt } from "../../../web/errors.js";
import type { GenerationResult, StandardSchema, ValidationIssue } from "../../../web/types.js";

export type Answer = Pick<GenerationResult, "text" | "finishReason" | "usage">;
export type AnswerValue = Pick<GenerationResult, "object" | "objectError">;

/** The parsed JSON, or the output of a Standard Schema for it. */
export async function readJson(answer: Answer, schema: StandardSchema | undefined): Promise<AnswerValue> {
  const { text, finishReason } = answer;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return incomplete(answer, "complete JSON");
  }
  // More digits could have followed.
  if (typeof value === "number" && finishReason !== "stop") return incomplete(answer, "a complete number");
  return schema ? validated(value, schema) : { object: value };
}

/** The option that the text is. */
export function readChoice(answer: Answer, options: readonly string[]): AnswerValue {
  const { text, finishReason } = answer;
  const isComplete = finishReason === "stop" || !options.some((each) => each !== text && each.startsWith(text));
  return isComplete && options.includes(text) ? { object: text } : incomplete(answer, "one of the options");
}

function incomplete({ text, finishReason, usage }: Answer, expected: string): AnswerValue {
  if (finishReason === "abort" || finishReason === "tool-calls") return {};
  const isCut = finishReason === "length";
  const objectError = new CamelGPTError("bad-answer", "The answer ended before it was complete.", {
    expected,
    found: isCut ? `a text cut off after ${usage.completionTokens} tokens` : excerpt(text),
    hint: isCut
      ? "Raise the option `maxTokens`, load the model with a larger `contextLength`, or ask for less."
      : "A stop string that the value can contain ends it early.",
  });
  return { objectError };
}

async function validated(value: unknown, schema: StandardSchema): Promise<AnswerValue> {
  const standard = schema["~standard"];
  const { vendor } = standard;
  try {
    const result = await standard.validate?.(value);
    if (!result) return { object: value };
    if (!result.issues) return { object: result.value };
    const [first, ...more] = result.issues;
    const objectError = new CamelGPTError("bad-answer", `The answer is not valid by its ${vendor} schema.`, {
      expected: "a value that the schema accepts",
      found: `${first ? issueText(first) : "no reason"}${more.length > 0 ? `, and ${more.length} more issues` : ""}`,
      hint: "A grammar cannot express every check. Ask again with another `seed`; `cause` has all issues.",
      cause: result.issues,
    });
    return { objectError };
  } catch (error) {
    const objectError = new CamelGPTError("bad-answer", `The ${vendor} schema failed: ${describe(error)}`, {
      cause: error,
    });
    return { objectError };
  }
}

/** `items.0.name: Too short` */
function issueText({ message, path = [] }: ValidationIssue): string {
  const keys = path.map((each) => String(typeof each === "object" ? each.key : each));
  return excerpt(keys.length > 0 ? `${keys.join(".")}: ${message}` : message);
}
