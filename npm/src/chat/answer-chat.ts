// One answer to a conversation that fits into the context.
import { throwIfAborted } from "../../../web/errors.js";
import type { ChatMessage } from "../../../web/text/messages.js";
import type { Emit } from "../../../web/text/text-stream.js";
import type { GenerationResult } from "../../../web/types.js";
import { generateFormatted } from "../format/generate-formatted.js";
import type { ModelConnection } from "../model-connection.js";
import { type ChatOptions, generateParams, splitChatOptions } from "../options.js";
import { generateAnswer } from "./answer/generate-answer.js";
import { checkConversation, planChat, renderPrompt, withSampling } from "./render-prompt.js";

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
  return generateFormatted(model, rest.responseFormat, given, async (params) => {
    const plan = await planChat(model, settings, params, signal);
    const prompt = await renderPrompt(model, messages, plan, signal);
    await model.refuseOverlong(prompt.prompt.text, signal);
    const sampled = await withSampling(model, params);
    const context = { emit, signal, onProgress: rest.onProgress };
    const { result } = await generateAnswer(model, sampled, prompt, plan, context);
    return result;
  });
}
