// Compiles a user's program against the declarations of the package, with the oldest supported libraries.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { repositoryRoot } from "../../../scripts/lib/run.mjs";

const program = `
import { CamelGPTInference } from "@gpt-research/camelgpt-inference";
import type { ChatMessage, ChatRole, SamplingDefaults } from "@gpt-research/camelgpt-inference";
import { CamelGPTInference as InWorker } from "@gpt-research/camelgpt-inference/service-worker";
import { CamelGPTInference as OnEdge } from "@gpt-research/camelgpt-inference/edge";
import { camelgpt } from "@gpt-research/camelgpt-inference/ai-sdk";
import { createOpenAI } from "@gpt-research/camelgpt-inference/openai";
import { createLanguageModel, type LanguageModelClass } from "@gpt-research/camelgpt-inference/prompt-api";

export async function answer(prompt: string): Promise<string> {
  await using model = new CamelGPTInference();
  for await (const piece of model.stream(prompt)) console.log(piece.length);
  return model.generateText(prompt);
}
export const models: AsyncDisposable[] = [new InWorker(), new OnEdge()];

export async function adapted(model: CamelGPTInference): Promise<(string | null | undefined)[]> {
  const { choices } = await createOpenAI(model).chat.completions.create({ messages: [{ role: "user", content: "a" }] });
  const LanguageModel: LanguageModelClass = createLanguageModel(model);
  const session = await LanguageModel.create({ initialPrompts: [{ role: "system", content: "b" }] });
  return [choices[0]?.message.content, await session.prompt("c"), camelgpt(model).embeddingModel().modelId];
}

export async function literals(model: CamelGPTInference): Promise<"good" | "bad"> {
  const { label } = await model.classify("text", { labels: ["good", "bad"] });
  const [first] = await model.classify(["text"], { labels: ["good", "bad"] as const });
  const exact: "good" | "bad" | undefined = first?.label;
  // @ts-expect-error: not one of the labels
  const wrong: "ugly" = label;
  const named: string[] = ["a", "b"];
  const any: string = (await model.classify("text", { labels: named })).label;
  const messages: ChatMessage[] = [{ role: "user", content: "a" }, { role: "a role of another template" }];
  const role: ChatRole = "assistant";
  const stream = model.chat(messages, { onProgress: ({ phase, done, total }) => console.log(phase, done / total) });
  const pieces: ReadableStream<string> = stream.toReadableStream();
  const documents = [{ title: "a", text: "b" }];
  model.chat(messages, { reasoning: { budget: 5 }, templateOptions: { enable_thinking: true }, documents });
  // @ts-expect-error: not an effort
  model.chat(messages, { reasoning: "some" });
  for await (const part of stream.parts()) if (part.type === "reasoning") console.log(part.text.length);
  const { reasoning = "", usage } = await model.chat([{ role: "tool", tool_call_id: "1", content: "2" }]);
  console.log(reasoning.length, usage.reasoningTokens);
  const { finishReason } = await stream;
  switch (finishReason) {
    case "stop":
    case "length":
    case "tool-calls":
    case "abort":
    case "error":
    case "tool-calls":
      break;
    default:
      finishReason satisfies never;
  }
  const { object } = await model.stream("a", { responseFormat: { type: "choice", options: ["yes", "no"] } });
  const choice: "yes" | "no" | undefined = object;
  const schema = { type: "object", properties: { a: { type: "integer" } }, required: ["a"] } as const;
  for await (const part of model.stream("a", { responseFormat: { type: "json", schema } }).objectStream()) {
    const a: number | undefined = part.a;
    console.log(a, choice);
  }
  const { temperature }: SamplingDefaults = (await model.info()).sampling;
  console.log(exact, wrong, any, role, pieces, temperature?.toFixed(1));
  return label;
}
`;

/** Returns the errors of a compiler, for both ways in which modules are resolved; empty if there are none. */
export function typeErrors(tsc) {
  const folder = mkdtempSync(join(tmpdir(), "camelgpt-types-"));
  try {
    mkdirSync(join(folder, "node_modules/@gpt-research"), { recursive: true });
    symlinkSync(join(repositoryRoot, "npm"), join(folder, "node_modules/@gpt-research/camelgpt-inference"));
    writeFileSync(join(folder, "package.json"), '{"type": "module"}');
    writeFileSync(join(folder, "main.ts"), program);
    return ["bundler", "nodenext"].map((moduleResolution) => compile(tsc, folder, moduleResolution)).join("");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function compile(tsc, folder, moduleResolution) {
  const compilerOptions = {
    noEmit: true,
    strict: true,
    target: "ES2022",
    lib: ["ES2022", "DOM"],
    types: [],
    skipLibCheck: false,
    module: moduleResolution === "nodenext" ? "nodenext" : "esnext",
    moduleResolution,
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["main.ts"] }));
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8" });
  return status === 0 ? "" : `${moduleResolution}: ${stdout}${stderr}`;
}
