// In the chat templates that llama.cpp carries, reasoning is found, switched off and given a budget.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";

import { importSource } from "../../web/lib/source.mjs";
import { readTemplates } from "./read-templates.mjs";

const given = { addGenerationPrompt: true, bosText: "<s>", eosText: "</s>" };
const messages = [{ role: "user", content: "a" }];

/** Their models reason only if they are told to. */
const offByDefault = [
  "Apertus-8B-Instruct",
  "Bielik-11B-v3.0-Instruct",
  "CohereForAI-c4ai-command-r7b-12-2024-tool_use",
  "Qwen-QwQ-32B",
  "Reka-Edge",
  "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B",
  "deepseek-ai-DeepSeek-V3.1",
  "deepseek-ai-DeepSeek-V3.2",
  "deepseek-ai-DeepSeek-V4",
  "deepseek-ai-DeepSeek-V4-Flash-0731",
  "google-gemma-4-31B-it",
  "google-gemma-4-31B-it-interleaved",
  "ibm-granite-granite-3.3-2B-Instruct",
  "poolside-Laguna-XS-2.1",
  "poolside-Laguna-XS.2",
  "tencent-Hy3",
];
const withReasoning = 45;

describe("chat templates", () => {
  let renderChat;
  let planAnswer;
  let prompts;
  let answerFormat;
  let templates;
  before(async () => {
    ({ renderChat } = await importSource("web/text/chat-template.ts"));
    ({ planAnswer } = await importSource("npm/src/chat/answer/plan.ts"));
    ({ answerFormat } = await importSource("npm/src/chat/answer/format.ts"));
    prompts = await importSource("npm/src/chat/answer/reasoning-prompt.ts");
    templates = [...(await readTemplates())].filter(([, template]) => answerFormat(template)?.reasoning);
  });

  const promptOf = async (template, reasoning) => {
    const probe = async (variables) => renderChat({ ...given, template, messages, variables }).text;
    const plan = await planAnswer(template, { reasoning }, { sampling: {} }, probe);
    const input = { ...given, template, messages: prompts.withSwitch(messages, plan), variables: plan.variables };
    return { plan, ...prompts.withReasoning(renderChat(input), messages, plan) };
  };

  test("show whether their models reason", async () => {
    assert.equal(templates.length, withReasoning);
    const off = [];
    for (const [name, template] of templates) if (!(await promptOf(template, undefined)).plan.reasons) off.push(name);
    assert.deepEqual(off.sort(), offByDefault);
  });

  test("by default the prompt is the template's", async () => {
    for (const [name, template] of templates) {
      const { prompt } = await promptOf(template, undefined);
      assert.equal(prompt.text, renderChat({ ...given, template, messages }).text, name);
    }
  });

  test('"none" leaves no reasoning open', async () => {
    for (const [name, template] of templates) {
      const { prompt, isOpen, plan } = await promptOf(template, "none");
      const { open, close } = answerFormat(template).reasoning;
      assert.equal(isOpen, false, name);
      assert.equal(plan.reasons, false, name);
      const end = prompt.text.slice(prompt.text.lastIndexOf(">a") + 2);
      assert.ok(!end.includes(open) || end.includes(close), `${name}: ${end}`);
    }
  });

  test("with a budget the answer begins within the reasoning", async () => {
    for (const [name, template] of templates) {
      const { prompt, isOpen, plan } = await promptOf(template, { budget: 9 });
      assert.ok(isOpen, name);
      assert.equal(plan.maxTokens, 256 + 9, name);
      assert.ok(prompt.text.trimEnd().endsWith(answerFormat(template).reasoning.open.trimEnd()), name);
    }
  });
});
