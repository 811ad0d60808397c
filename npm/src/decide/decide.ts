// The decisions of a model: which label, option, number, or yes or no. Each is the distribution over given answers.
import { orAborted, throwIfAborted } from "../../../web/errors.js";
import type { ChatMessage } from "../../../web/text/messages.js";
import type { AnswerScore, Choice, Classification, Rating, YesNo } from "../../../web/types.js";
import { checkText } from "../check-options.js";
import type { ModelConnection } from "../model-connection.js";
import {
  type ChooseOptions,
  type ClassifyOptions,
  chooseParams,
  classifyParams,
  type RateOptions,
  rateParams,
  type YesNoOptions,
  yesNoParams,
} from "../options/decide.js";
import { classifyPrompt, fillPrompt, hasChat, type Prompt, questionPrompt } from "./prompts.js";
import { priorProbabilities } from "./prior.js";
import { labelProbabilities, softmax } from "./probabilities.js";

type Messages = string | readonly ChatMessage[];

export async function classify(
  model: ModelConnection,
  input: string | readonly string[],
  options: ClassifyOptions,
): Promise<Classification[]> {
  const { texts, labels, template, chat, prior, onProgress, signal } = classifyParams(input, options, model.limits);
  throwIfAborted(signal);
  for (const each of [...texts, ...labels]) await model.refuseOverlong(each, signal);
  const { prompt, isChat, isTrained } = await classifyPrompt(model, labels, template, chat, signal);
  const priors =
    (prior ?? !isTrained) ? await priorProbabilities(model, { prompt, isChat }, labels, signal) : undefined;
  const prompts = texts.map((text) => fillPrompt(prompt, labels, text));
  const context = { signal, onEvent: onProgress };
  const scores = await model.call("scoreAnswers", { prompts, answers: labels, isChat }, context);
  return scores.map((each) => rank(labels, labelProbabilities(each, priors)));
}

export async function choose<Option extends string>(
  model: ModelConnection,
  prompt: Messages,
  choices: readonly Option[],
  options: ChooseOptions | undefined,
): Promise<Choice<Option>> {
  const { chat, signal } = chooseParams(choices, options, model.limits);
  checkQuestion(prompt);
  const scores = await scoresOf(model, await questionPrompt(model, prompt, chat, signal), choices, signal);
  const probabilities = labelProbabilities(scores);
  const index = probabilities.indexOf(Math.max(...probabilities));
  return { choice: choices[index] as Option, index, probabilities };
}

const yes = ["Yes", "yes", "YES"];
const no = ["No", "no", "NO"];

export async function yesNo(
  model: ModelConnection,
  question: string,
  options: YesNoOptions | undefined,
): Promise<YesNo> {
  const { context, chat, signal } = yesNoParams(question, options);
  const isChat = chat ?? hasChat(await orAborted(model.loaded(), signal));
  const asked = `${context ? `${context}\n\n` : ""}${question}\nAnswer yes or no${isChat ? "." : ":"}`;
  const scores = await scoresOf(model, await questionPrompt(model, asked, isChat, signal), [...yes, ...no], signal);
  const all = softmax(scores.map(({ logprob }) => logprob));
  const probability = all.slice(0, yes.length).reduce((sum, each) => sum + each, 0);
  return { answer: probability > 0.5, probability };
}

export async function rate(
  model: ModelConnection,
  prompt: Messages,
  options: RateOptions | undefined,
): Promise<Rating> {
  const { from, to, chat, signal } = rateParams(options, model.limits);
  checkQuestion(prompt);
  const values = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const asked = await questionPrompt(model, prompt, chat, signal);
  const probabilities = numberProbabilities(values, await scoresOf(model, asked, values.map(String), signal));
  const distribution = values.map((value, i) => ({ value, probability: probabilities[i] ?? 0 }));
  return { value: distribution.reduce((sum, each) => sum + each.value * each.probability, 0), distribution };
}

async function scoresOf(
  model: ModelConnection,
  { prompt, isChat }: Prompt,
  answers: readonly string[],
  signal: AbortSignal,
): Promise<AnswerScore[]> {
  await model.refuseOverlong(prompt.text, signal);
  const scores = await model.call("scoreAnswers", { prompts: [prompt], answers, isChat }, { signal });
  return scores[0] as AnswerScore[];
}

/** A number whose digits begin a longer one has the mass of that one too, if its tokens also do: it is subtracted. */
function numberProbabilities(values: readonly number[], scores: readonly AnswerScore[]): number[] {
  const masses = softmax(scores.map(({ logprob }) => logprob));
  const only = values.map((value, i) =>
    values.reduce((mass, longer, j) => {
      const continues = j !== i && `${longer}`.startsWith(`${value}`) && `${longer}`.length === `${value}`.length + 1;
      const sharesTokens = (scores[j]?.tokens ?? 0) > (scores[i]?.tokens ?? 0);
      return continues && sharesTokens ? mass - (masses[j] ?? 0) : mass;
    }, masses[i] ?? 0),
  );
  const positive = only.map((mass) => Math.max(mass, 0));
  const total = positive.reduce((sum, each) => sum + each, 0);
  return positive.map((each) => each / total);
}

/** Errors: `bad-input` for a text; messages are checked when they are rendered. */
function checkQuestion(prompt: Messages): void {
  if (typeof prompt === "string") checkText(prompt);
}

function rank(labels: readonly string[], probabilities: readonly number[]): Classification {
  const candidates = labels
    .map((label, i) => ({ text: label, probability: probabilities[i] ?? 0 }))
    .sort((a, b) => b.probability - a.probability);
  return { label: candidates[0]?.text ?? "", candidates };
}
