// The messages of a conversation → the prompt for a loaded model.
import { CamelGPTError } from "../../../web/errors.js";
import type { ChatMessage } from "../../../web/text/messages.js";
import type { RenderedPrompt } from "../../../web/rendered-prompt.js";
import type { LoadedModel } from "../../../web/worker/protocol.js";

/**
 * `template` replaces the chat template of the model.
 * Errors: `no-chat-template`, `unsupported-task` for models that are not causal and have no template, `bad-template`,
 * `bad-input`.
 */
export async function renderPrompt(
  { info, chatTemplate, bosText, eosText }: LoadedModel,
  messages: readonly ChatMessage[],
  template: string = chatTemplate,
): Promise<RenderedPrompt> {
  if (!template) throw noTemplate(info.kind);
  const { renderChat } = await import("../../../web/text/chat-template.js");
  return renderChat({ template, messages, addGenerationPrompt: true, bosText, eosText }, (note) => {
    if (!info.engine.notes.includes(note)) info.engine.notes.push(note);
  });
}

function noTemplate(kind: LoadedModel["info"]["kind"]): CamelGPTError {
  if (kind === "causal") {
    return new CamelGPTError("no-chat-template", "The model has no chat template.", {
      expected: "tokenizer.chat_template in the model's metadata",
      found: "none",
      hint: "Give one with the option `chatTemplate`, or use generateText: base models only continue a text.",
    });
  }
  const isMasked = kind === "masked";
  return new CamelGPTError(
    "unsupported-task",
    `This model is ${isMasked ? "a masked model" : "an encoder"}: it was not trained for conversations.`,
    { hint: isMasked ? "Call generateText, fillMask or classify." : "Call embed." },
  );
}
