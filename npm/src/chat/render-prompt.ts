// The messages of a conversation → the prompt for a loaded model.
import { CamelGPTError, type ErrorData, errorFromData, orAborted } from "../../../web/errors.js";
import type { RenderedPrompt } from "../../../web/rendered-prompt.js";
import type { GenerateParams } from "../../../web/tasks/params.js";
import type { ChatMessage } from "../../../web/text/messages.js";
import type { TemplateInput } from "../../../web/text/rendering.js";
import type { LoadedModel } from "../../../web/worker/protocol.js";
import type { ModelConnection } from "../model-connection.js";
import { checkMessages, contentLength } from "./check-messages.js";
import { plainMessages } from "./plain-messages.js";

/** Longer templates are refused; one unit more is enough for the error. */
const maxPostedLength = (256 << 10) + 1;

/** Errors: `bad-input` and `context-overflow` for messages that no template has to see, and those of the load. */
export async function checkConversation(model: ModelConnection, messages: unknown, signal: AbortSignal): Promise<void> {
  await model.refuseOverlongChat(contentLength(messages), signal);
  checkMessages(messages, model.limits);
}

/**
 * Renders the messages on the thread that runs the model, so that a template from elsewhere cannot block this one.
 * `template` replaces the chat template of the model.
 * Errors: `no-chat-template`, `unsupported-task` for models that are not causal and have no template, `bad-template`,
 * `bad-input`, `aborted`.
 */
export async function renderPrompt(
  model: ModelConnection,
  messages: readonly ChatMessage[],
  template: string | undefined,
  signal: AbortSignal,
): Promise<RenderedPrompt> {
  const { info, chatTemplate, bosText, eosText } = await orAborted(model.loaded(), signal);
  const chosen = template ?? chatTemplate;
  if (!chosen) throw noTemplate(info.kind);
  const input: TemplateInput = {
    template: chosen.slice(0, maxPostedLength),
    messages: plainMessages(messages),
    addGenerationPrompt: true,
    bosText,
    eosText,
  };
  const { notes } = info.engine;
  const add = (note: string) => notes.includes(note) || notes.push(note);
  let rendered = await orAborted(model.call("render", input, { signal }), signal);
  if (!rendered) {
    const { renderToData } = await orAborted(import("../../../web/text/chat-template.js"), signal);
    rendered = renderToData(input);
    add("The worker could not load chat-template.js, so chat templates are rendered on the caller's thread.");
  }
  rendered.notes.forEach(add);
  if (rendered.prompt) return rendered.prompt;
  throw errorFromData(rendered.error as ErrorData);
}

/** The parameters with the model's own sampling, unless the caller has given options of it. */
export async function withSampling(model: ModelConnection, params: GenerateParams): Promise<GenerateParams> {
  const { sampling } = params;
  if (sampling.temperature === 0) return params;
  return { ...params, sampling: { ...(await model.loaded()).info.sampling, ...sampling } };
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
