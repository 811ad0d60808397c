// The messages of a conversation → the prompt for a loaded model.
import { CamelGPTError, type ErrorData, errorFromData, excerpt, orAborted } from "../../../web/errors.js";
import type { RenderedPrompt } from "../../../web/rendered-prompt.js";
import type { GenerateParams } from "../../../web/tasks/params.js";
import type { ChatMessage } from "../../../web/text/messages.js";
import type { RenderedChat, TemplateInput } from "../../../web/text/rendering.js";
import type { LoadedModel } from "../../../web/worker/protocol.js";
import type { ModelConnection } from "../model-connection.js";
import { type AnswerPlan, type LimitsOfAnswer, planAnswer } from "./answer/plan.js";
import { type ChatPrompt, withReasoning, withReasoningFields, withSwitch } from "./answer/reasoning-prompt.js";
import type { CheckedTools } from "../tools/check-tools.js";
import type { ToolChoice } from "../tools/tool.js";
import { checkMessages, contentLength } from "./check-messages.js";
import { plainMessages, plainSettings } from "./plain-messages.js";
import type { TemplateSettings } from "./template-settings.js";

/** Longer templates are refused; one unit more is enough for the error. */
const maxPostedLength = (256 << 10) + 1;

/** Errors: `bad-input` and `context-overflow` for messages that no template has to see, and those of the load. */
export async function checkConversation(model: ModelConnection, messages: unknown, signal: AbortSignal): Promise<void> {
  await model.refuseOverlongChat(contentLength(messages), signal);
  checkMessages(messages, model.limits);
}

/**
 * Decides how the answers to a conversation are generated. Errors: `no-chat-template`, `unsupported-task` for models
 * that are not causal and have no template, and those of `renderPrompt`.
 */
export async function planChat(
  model: ModelConnection,
  settings: TemplateSettings,
  params: LimitsOfAnswer,
  signal: AbortSignal,
  tools?: ToolStep,
): Promise<AnswerPlan> {
  const { info, chatTemplate } = await orAborted(model.loaded(), signal);
  const template = settings.template ?? chatTemplate;
  if (!template) throw noTemplate(info.kind);
  const probe = async (variables: Record<string, unknown>) => {
    const { prompt } = await render(
      model,
      { ...noSettings, template, messages: probeMessages, variables },
      signal,
      false,
    );
    return prompt?.text ?? "";
  };
  const plan = await planAnswer(template, { ...settings, ...plainSettings(settings) }, params, probe);
  if (!tools) return plan;
  const { planTools } = await orAborted(import("../tools/tools.js"), signal);
  const request = { ...tools, template, isAfterReasoning: plan.reasons, answer: params.grammar };
  const { tools: shown, ...toolPlan } = await planTools(model, request, signal);
  return { ...plan, ...toolPlan, settings: { ...plan.settings, tools: shown }, isConstrained: true };
}

/** The tools of one answer. */
export interface ToolStep {
  checked: CheckedTools;
  choice: ToolChoice;
}

const noSettings = { addGenerationPrompt: true };
const probeMessages: readonly ChatMessage[] = [{ role: "user", content: "a" }];

/**
 * Renders the messages on the thread that runs the model, so that a template from elsewhere cannot block this one.
 * Errors: `bad-template`, `bad-input`, `aborted`.
 */
export async function renderPrompt(
  model: ModelConnection,
  messages: readonly ChatMessage[],
  plan: AnswerPlan,
  signal: AbortSignal,
): Promise<ChatPrompt> {
  const { template, variables, settings } = plan;
  const { tools, documents, continueFinalMessage = false } = settings;
  if (continueFinalMessage) checkFinal(messages);
  const plain = plainMessages(messages);
  const given = withSwitch(withReasoningFields(plan.adapt?.(plain) ?? plain, template), plan);
  const rendered = await render(
    model,
    {
      template,
      messages: given,
      tools,
      documents,
      variables,
      addGenerationPrompt: !continueFinalMessage,
      continueFinalMessage,
    },
    signal,
    true,
  );
  if (!rendered.prompt) throw errorFromData(rendered.error as ErrorData);
  return withReasoning(rendered.prompt, messages, plan);
}

/**
 * The prompt of messages to which the answer follows directly, without reasoning. Errors: those of `planChat`,
 * `renderPrompt` and `checkConversation`.
 */
export async function renderQuestion(
  model: ModelConnection,
  messages: readonly ChatMessage[],
  signal: AbortSignal,
): Promise<RenderedPrompt> {
  await checkConversation(model, messages, signal);
  const plan = await planChat(model, { reasoning: "none" }, { sampling: {} }, signal);
  return (await renderPrompt(model, messages, plan, signal)).prompt;
}

function checkFinal(messages: readonly ChatMessage[]): void {
  const role = messages.at(-1)?.role;
  if (role === "assistant") return;
  throw new CamelGPTError("bad-input", "`continueFinalMessage` continues a message of the assistant.", {
    expected: "a last message with the role assistant",
    found: `the role ${excerpt(String(role))}`,
  });
}

async function render(
  model: ModelConnection,
  settings: Omit<TemplateInput, "bosText" | "eosText">,
  signal: AbortSignal,
  isNoted: boolean,
): Promise<RenderedChat> {
  const { info, bosText, eosText } = await orAborted(model.loaded(), signal);
  const input: TemplateInput = { ...settings, template: settings.template.slice(0, maxPostedLength), bosText, eosText };
  const { notes } = info.engine;
  const add = (note: string) => notes.includes(note) || notes.push(note);
  let rendered = await orAborted(model.call("render", input, { signal }), signal);
  if (!rendered) {
    const { renderToData } = await orAborted(import("../../../web/text/chat-template.js"), signal);
    rendered = renderToData(input);
    add("The worker could not load chat-template.js, so chat templates are rendered on the caller's thread.");
  }
  if (isNoted) rendered.notes.forEach(add);
  return rendered;
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
