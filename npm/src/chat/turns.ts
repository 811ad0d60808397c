// One turn of a chat session: fits the conversation into the context, answers, and keeps messages and tokens.
import { CamelGPTError } from "../../../web/errors.js";
import type { GenerateParams } from "../../../web/tasks/params.js";
import { type ChatMessage, contentText } from "../../../web/text/messages.js";
import type { AnswerMessage, GenerationResult } from "../../../web/types.js";
import { generateFormatted } from "../format/generate-formatted.js";
import { generateParams, reporter } from "../options.js";
import type { StepRequest } from "../tools/steps.js";
import { loadTools, splitAnswerOptions } from "./answer-options.js";
import { answerMessage } from "./answer/answer-message.js";
import { generateAnswer } from "./answer/generate-answer.js";
import { checkMessages } from "./check-messages.js";
import { inTurn } from "./in-turn.js";
import { type Fitted, fitChat, reportDropped } from "./fit-chat.js";
import type { ModelConnection } from "../model-connection.js";
import { plainMessages } from "./plain-messages.js";
import { keepAnswer } from "./kept-tokens.js";
import { planChat, type ToolStep, withSampling } from "./render-prompt.js";
import {
  type AnswerContext,
  type ChatResult,
  type ChatState,
  type ChatTurn,
  type Entry,
  newState,
  noTokens,
} from "./session-state.js";

export { append, countTokens } from "./append.js";
export { restoreChat, saveChat } from "./saved-chat.js";

export function send(
  state: ChatState,
  message: string | ChatMessage | readonly ChatMessage[],
  context: AnswerContext,
): Promise<ChatResult> {
  const entries = newEntries(state, message);
  return inTurn(state, context.signal, () => answer(state, [...state.entries, ...entries], context));
}

export function regenerate(state: ChatState, context: AnswerContext): Promise<ChatResult> {
  return inTurn(state, context.signal, () => {
    const { entries } = state;
    const continues = context.options?.continueFinalMessage === true;
    const isAnswered = entries.at(-1)?.message.role === "assistant" && !continues;
    const asked = isAnswered ? entries.slice(0, -1) : entries;
    const role = asked.at(-1)?.message.role;
    if (role === undefined || role === "system") {
      throw new CamelGPTError("bad-state", "The conversation has no message to answer.", {
        hint: "Call send() first.",
      });
    }
    return answer(state, asked, context);
  });
}

export function edit(
  state: ChatState,
  index: number,
  message: string | ChatMessage,
  context: AnswerContext,
): Promise<ChatResult> {
  const entries = newEntries(state, message);
  return inTurn(state, context.signal, () => {
    const role = state.entries[index]?.message.role;
    if (role !== "user") {
      throw new CamelGPTError("bad-input", "Only a message of the user can be edited.", {
        expected: "the index in `messages` of a message with the role user",
        found: role === undefined ? `${index} of ${state.entries.length} messages` : `a message of the role ${role}`,
      });
    }
    return answer(state, [...state.entries.slice(0, index), ...entries], context);
  });
}

function newEntries({ model }: ChatState, message: string | ChatMessage | readonly ChatMessage[]): Entry[] {
  const content = typeof message === "string" ? { role: "user", content: message } : message;
  const messages = Array.isArray(content) ? (content as readonly ChatMessage[]) : [content as ChatMessage];
  checkMessages(messages, model.limits);
  return plainMessages(messages).map((each) => ({ message: each }));
}

/** Answers a conversation of any length, of which the oldest turns are left out if it does not fit. */
export function answerLong(
  model: ModelConnection,
  messages: readonly ChatMessage[],
  context: AnswerContext,
): Promise<ChatResult> {
  checkMessages(messages, model.limits);
  const state = newState(model, { history: messages });
  return inTurn(state, context.signal, () => answer(state, state.entries, context, false));
}

/** Answers, and if the answer calls tools that can be executed, answers again with their results. */
async function answer(
  state: ChatState,
  entries: readonly Entry[],
  context: AnswerContext,
  fitsAnswer = true,
): Promise<ChatResult> {
  const { settings } = splitAnswerOptions(state, context.options);
  const { emit, signal } = context;
  const loaded = await loadTools(state.model, settings, signal);
  if (!loaded) return answerOnce(state, entries, context, fitsAnswer);
  const { checked, runSteps } = loaded;
  const before = { ...state };
  const turns: ChatTurn[] = [];
  let known = 0; // messages of all steps that the session has
  /** Adds the results after the last answer, which is in the session already. */
  const addResults = (added: readonly AnswerMessage[]) => {
    const from = Math.max(known, added.findLastIndex(({ role }) => role === "assistant") + 1);
    state.entries = [...state.entries, ...added.slice(from).map((message) => ({ message }))];
    known = added.length;
  };
  const step = async ({ added, choice }: StepRequest) => {
    const tools = { checked, choice };
    let result: ChatResult;
    if (turns.length === 0) result = await answerOnce(state, entries, context, fitsAnswer, tools);
    else {
      await keepAnswer(state);
      addResults(added);
      const options = { ...context.options, continueFinalMessage: false };
      result = await answerOnce(state, state.entries, { ...context, options }, fitsAnswer, tools);
    }
    turns.push(result.turn);
    return result;
  };
  try {
    const messages = entries.map(({ message }) => message);
    const result = await runSteps({ checked, messages, step, emit, signal });
    addResults(result.messages ?? []);
    return { ...result, turn: sumOf(turns) };
  } catch (error) {
    const { entries, tokens, texts } = before;
    Object.assign(state, { entries, tokens, texts });
    throw error;
  }
}

function sumOf(turns: readonly ChatTurn[]): ChatTurn {
  const sum = { ...noTokens };
  for (const turn of turns) for (const name of Object.keys(sum) as (keyof ChatTurn)[]) sum[name] += turn[name];
  return sum;
}

async function answerOnce(
  state: ChatState,
  entries: readonly Entry[],
  context: AnswerContext,
  fitsAnswer: boolean,
  tools?: ToolStep,
): Promise<ChatResult> {
  const { model } = state;
  const { settings, rest } = splitAnswerOptions(state, context.options);
  const given = generateParams("", rest, model.limits);
  return generateFormatted(model, rest.responseFormat, given, (params) =>
    generateTurn(state, entries, context, { settings, rest, params, fitsAnswer, tools }),
  );
}

interface Turn extends ReturnType<typeof splitAnswerOptions> {
  params: GenerateParams;
  fitsAnswer: boolean;
  tools: ToolStep | undefined;
}

async function generateTurn(
  state: ChatState,
  entries: readonly Entry[],
  { emit, signal }: AnswerContext,
  { settings, rest, params: given, fitsAnswer, tools }: Turn,
): Promise<ChatResult> {
  const { model } = state;
  const { overflow = "drop-oldest" } = state.options;
  const params = await withSampling(model, given);
  const plan = await planChat(model, settings, params, signal, tools);
  const fitted = await fitChat(state, entries, { plan, overflow, fitsAnswer }, signal);

  let isBegun = false;
  /** Drops what did not fit. Before the model has begun, an error or an abort leaves the session unchanged. */
  const begin = () => {
    if (isBegun) return;
    isBegun = true;
    keep(state, fitted);
    reportDropped(state, fitted);
  };
  const generation = { emit, signal, onReport: reporter(rest), onBegin: begin };
  const { result, sequence } = await generateAnswer(
    model,
    params,
    { ...fitted, prompt: fitted.tokens },
    plan,
    generation,
  );
  const { promptTokens, completionTokens, cachedTokens = 0 } = result.usage;
  const turn: ChatTurn = {
    prefilledTokens: promptTokens - cachedTokens,
    reusedTokens: cachedTokens,
    generatedTokens: completionTokens,
    droppedMessages: fitted.dropped.length,
    // None if another text had replaced the conversation in the cache.
    shiftedTokens: cachedTokens + 1 >= fitted.answered ? fitted.shiftedTokens : 0,
  };
  addTo(state, turn);
  const isEmpty = result.text === "" && result.reasoning === undefined && !result.toolCalls;
  if (result.finishReason !== "abort" || !isEmpty) {
    state.entries = withAnswer(fitted, settings.continueFinalMessage === true, result, sequence);
    state.tokens = [...fitted.tokens, ...sequence];
  }
  return { ...result, turn };
}

/** The messages with the answer, which is a message of its own or continues the last one. */
function withAnswer(
  { entries }: Fitted,
  continues: boolean,
  result: GenerationResult,
  sequence: readonly number[],
): Entry[] {
  const { text, toolCalls, usage } = result;
  const message = answerMessage(result);
  const last = entries.at(-1);
  if (continues && last) {
    // Its first part has no tokens of its own, so the whole is tokenized by the next turn.
    const whole = { ...last.message, ...message, content: contentText(last.message) + text };
    return [...entries.slice(0, -1), { message: whole }];
  }
  // The tokens of a model that reads bytes are numbered as they come, and the numbers can be reused. Those of calls
  // are not the text of a message.
  const isKept = usage.bytes === undefined && !toolCalls;
  return [...entries, { message, ...(isKept && { sampled: sequence }) }];
}

/** Drops from the session what did not fit, but does not add the new message yet. */
function keep(state: ChatState, { dropped, tokens, texts }: Fitted): void {
  state.entries = state.entries.filter((entry) => !dropped.includes(entry));
  state.tokens = tokens;
  state.texts = texts;
}

function addTo({ stats }: ChatState, turn: ChatTurn): void {
  stats.turns++;
  for (const name of Object.keys(turn) as (keyof ChatTurn)[]) stats[name] += turn[name];
}
