// The types of tools: the arguments of `execute` come from the schema. Compiled by types.test.mjs, never run.
import { type CamelGPTInference, type Tool, tool, type ToolCall } from "@gpt-research/camelgpt-inference";
import { z } from "zod";

declare const model: CamelGPTInference;

const weather = tool({
  name: "weather",
  parameters: {
    type: "object",
    properties: { city: { type: "string" }, days: { type: "integer" } },
    required: ["city"],
  },
  execute: ({ city, days }, { toolCallId, signal }) => {
    const all: [string, number | undefined, string, AbortSignal] = [city, days, toolCallId, signal];
    return all.length;
  },
});

const add = tool({
  name: "add",
  parameters: z.object({ a: z.number(), b: z.number() }),
  execute: async ({ a, b }) => a + b,
});

const plain: Tool = { name: "plain", execute: (input: unknown) => input };

export async function run(): Promise<ToolCall[]> {
  const options = { tools: [weather, add, plain], toolChoice: { name: "add" }, maxSteps: 3 } as const;
  const { toolCalls = [], steps = [], messages = [] } = await model.chat([{ role: "user", content: "Hi" }], options);
  const texts: string[] = steps.map(({ text }) => text);
  const chat = model.createChat({ tools: [weather], toolChoice: "auto", history: messages });
  const { turn } = await chat.send([{ role: "tool", tool_call_id: "call_1", content: `${texts.length}` }], options);
  // @ts-expect-error: not a choice
  model.chat([], { toolChoice: "always" });
  // @ts-expect-error: the parameter is a text
  tool({ name: "x", parameters: z.object({ a: z.string() }), execute: ({ a }) => a.toFixed() });
  return turn.generatedTokens > 0 ? toolCalls : [];
}
