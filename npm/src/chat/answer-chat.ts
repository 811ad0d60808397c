// One answer to a conversation that fits into the context.
import { throwIfAborted } from "../../../web/errors.js";
import type { ChatMessage } from "../../../web/text/messages.js";
import type { Emit } from "../../../web/text/text-stream.js";
import type { GenerationResult } from "../../../web/types.js";
import { generateFormatted } from "../format/generate-formatted.js";
import type { ModelConnection } from "../model-connection.js";
import { type ChatOptions, generateParams, reporter, splitChatOptions } from "../options.js";
import { generateAnswer } from "./answer/generate-answer.js";
import { loadTools } from "./answer-options.js";
import type { StepRequest } from "../tools/steps.js";
import { checkConversation, planChat, renderPrompt, type ToolStep, withSampling } from "./render-prompt.js";

/** Errors: those of `CamelGPTInference.chat`. */
export async function answerChat(
  model: ModelConnection,
  messages: readonly ChatMessage[],
  options: ChatOptions | undefined,
  emit: Emit,
  signal: AbortSignal,
): Promise<GenerationResult> {
  await checkConversation(model, messages, signal);
  const { settings, rest } = splitChatOptions(options);
  throwIfAborted(signal);
  const given = generateParams("", rest, model.limits);
  const answer = (messages: readonly ChatMessage[], tools?: ToolStep, stepSettings = settings) =>
    generateFormatted(model, rest.responseFormat, given, async (params) => {
      const plan = await planChat(model, stepSettings, params, signal, tools);
      const prompt = await renderPrompt(model, messages, plan, signal);
      await model.refuseOverlong(prompt.prompt.text, signal);
      const sampled = await withSampling(model, params);
      const context = { emit, signal, onReport: reporter(rest) };
      return (await generateAnswer(model, sampled, prompt, plan, context)).result;
    });
  const tools = await loadTools(model, settings, signal);
  if (!tools) return answer(messages);
  const { checked, runSteps } = tools;
  // Only the first answer can continue a message.
  const later = { ...settings, continueFinalMessage: false };
  const step = ({ added, choice }: StepRequest) =>
    answer([...messages, ...added], { checked, choice }, added.length > 0 ? later : settings);
  return runSteps({ checked, messages, step, emit, signal });
}
