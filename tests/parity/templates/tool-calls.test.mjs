// The calls of tools that the chat templates of llama.cpp write are read by the parser of the family to which the
// template belongs.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";

import { importSource } from "../../web/lib/source.mjs";
import { readTemplates } from "./read-templates.mjs";

/** The templates of each family. The other ones know no tools, or write calls in a form of their own. */
const families = {
  apertus: ["Apertus-8B-Instruct"],
  apriel: ["Apriel-1.6-15b-Thinker-fixed", "unsloth-Apriel-1.5"],
  "command-r": ["Cohere2MoE", "CohereForAI-c4ai-command-r7b-12-2024-tool_use"],
  "command-r-plus": ["CohereForAI-c4ai-command-r-plus-tool_use"],
  "deepseek-r1": ["llama-cpp-deepseek-r1"],
  functionary: ["meetkai-functionary-medium-v3.1"],
  gemma4: ["google-gemma-4-31B-it-interleaved", "google-gemma-4-31B-it"],
  glm: [
    "GLM-4.6",
    "GLM-4.7-Flash",
    "Spark2.5",
    "inclusionai-ling-3.0-flash",
    "poolside-Laguna-S-2.1",
    "poolside-Laguna-XS-2.1",
    "poolside-Laguna-XS.2",
  ],
  "gpt-oss": ["openai-gpt-oss-120b"],
  granite: ["ibm-granite-granite-3.3-2B-Instruct"],
  hermes: [
    "Bielik-11B-v3.0-Instruct",
    "MiMo-VL",
    "NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use",
    "NousResearch-Hermes-3-Llama-3.1-8B-tool_use",
    "Qwen-QwQ-32B",
    "Qwen-Qwen2.5-7B-Instruct",
    "Qwen-Qwen3-0.6B",
    "Reka-Edge",
    "ibm-granite-granite-4.0",
    "ibm-granite-granite-4.1",
  ],
  kimi: ["Kimi-K2-Instruct", "Kimi-K2-Thinking", "moonshotai-Kimi-K2"],
  lfm2: ["LFM2-8B-A1B", "LFM2.5-8B-A1B", "LFM2.5-Instruct"],
  "llama-json": [
    "meta-llama-Llama-3.1-8B-Instruct",
    "meta-llama-Llama-3.2-3B-Instruct",
    "meta-llama-Llama-3.3-70B-Instruct",
  ],
  minicpm: ["openbmb-MiniCPM5-1B"],
  minimax: ["MiniMax-M2"],
  mistral: [
    "Mistral-Small-3.2-24B-Instruct-2506",
    "mistralai-Ministral-3-14B-Reasoning-2512",
    "unsloth-mistral-Devstral-Small-2507",
  ],
  "mistral-list": ["mistralai-Mistral-Nemo-Instruct-2407"],
  nemotron: ["NVIDIA-Nemotron-Nano-v2"],
  "qwen-xml": ["NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", "Qwen3-Coder", "Qwen3.5-4B", "StepFun3.5-Flash"],
  seed: ["ByteDance-Seed-OSS"],
};
/** These change lists, which the sandbox of templates refuses: the calls in the history are written as texts. */
const refused = ["Apriel-1.6-15b-Thinker-fixed", "unsloth-Apriel-1.5", "Kimi-K2-Instruct", "Kimi-K2-Thinking"];

const property = (type) => ({ type, description: "One." });
const weather = {
  name: "weather",
  description: "Tells the weather.",
  parameters: {
    type: "object",
    properties: { city: property("string"), days: property("integer") },
    required: ["city"],
  },
};
const values = { city: "São Paulo", days: 3 };
const id = "call_abcdefghi";
const called = { id, type: "function", function: { name: weather.name, arguments: JSON.stringify(values) } };
const question = { role: "user", content: "hi" };
const conversation = [
  question,
  { role: "assistant", content: null, tool_calls: [called] },
  { role: "tool", tool_call_id: id, name: weather.name, content: "ok" },
];

describe("calls of tools in chat templates", () => {
  let templates;
  let tools;
  let chat;
  before(async () => {
    templates = await readTemplates();
    tools = await importSource("npm/src/tools/tools.ts");
    chat = {
      ...(await importSource("web/text/chat-template.ts")),
      ...(await importSource("npm/src/chat/answer/reader.ts")),
      ...(await importSource("npm/src/chat/answer/format.ts")),
    };
  });

  test("the family of each template is found", () => {
    const found = {};
    for (const [name, template] of templates) {
      const family = tools.toolFamily(template).name;
      if (family !== "generic") (found[family] ??= []).push(name);
    }
    const sorted = (table) => Object.fromEntries(Object.entries(table).map(([key, names]) => [key, [...names].sort()]));
    assert.deepEqual(sorted(found), sorted(families));
  });

  test("calls are read as the template wrote them", () => {
    for (const name of Object.values(families).flat()) {
      if (refused.includes(name)) continue;
      const template = templates.get(name);
      const family = tools.toolFamily(template);
      const render = (given) => {
        const { messages, tools: described } = tools.adaptMessages(given, family, template, [weather]);
        const input = {
          template,
          messages,
          tools: described,
          addGenerationPrompt: false,
          bosText: "",
          eosText: "</s>",
        };
        return chat.renderChat(input).text;
      };
      const [before, all] = [render([question]), render(conversation)];
      let start = 0;
      while (start < before.length && before[start] === all[start]) start++;
      let answer = all.slice(start);
      // A call without a marker is the whole answer, which begins after the header.
      if (family.syntax.bareStart !== undefined) answer = answer.slice(answer.indexOf('{"name"'));
      const calls = new tools.ToolCallParser(family.syntax, [weather], () => id);
      const { reasoning } = chat.answerFormat(template) ?? {};
      const reader = new chat.AnswerReader({ reasoning, continuesText: true, calls });
      reader.put(answer);
      reader.finish();
      const read = reader.toolCalls.map(({ name, arguments: given, error }) => ({ name, given, error }));
      assert.deepEqual(read, [{ name: weather.name, given: values, error: undefined }], `${name}: ${answer}`);
    }
  });
});
