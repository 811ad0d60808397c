// Prompts and answers → how probable the model finds each answer after each prompt.
import type { Engine } from "../engine/engine.js";
import { CamelGPTError, excerpt, throwIfAborted } from "../errors.js";
import { pacer } from "../pause.js";
import type { AnswerScore } from "../types.js";
import { runActivity } from "./activity.js";
import type { TextsContext } from "./embedding.js";
import type { AnswersParams } from "./params.js";
import { tokenizeText } from "./tokenizing.js";

/** Returns the scores of all answers for each prompt. Errors: `unsupported-task` for encoders, `context-overflow`. */
export async function scoreAnswers(
  engine: Engine,
  { prompts, answers, isChat }: AnswersParams,
  { signal, onEvent }: TextsContext,
): Promise<AnswerScore[][]> {
  throwIfAborted(signal);
  const isMasked = engine.modelInfo().kind === "masked";
  /** The tokens of all answers, by whether a space separates them from the prompt. */
  const tokenized = new Map<boolean, number[][]>();
  const results: AnswerScore[][] = [];
  for (const prompt of prompts) {
    const isSpaced = !isMasked && !(isChat ? /[\s>]$/ : /\s$/).test(prompt.text);
    const tokens = tokenized.get(isSpaced) ?? (await tokenizeAnswers(engine, answers, isSpaced, !isMasked, signal));
    tokenized.set(isSpaced, tokens);
    const promptTokens = await tokenizeText(engine, signal, prompt, true, true, isChat);
    const score = isMasked ? scoreMasked : scoreCausal;
    results.push(await score(engine, promptTokens, tokens, signal));
    onEvent?.({ done: results.length, total: prompts.length });
  }
  return results;
}

async function tokenizeAnswers(
  engine: Engine,
  answers: readonly string[],
  isSpaced: boolean,
  continues: boolean,
  signal: AbortSignal | undefined,
): Promise<number[][]> {
  const all: number[][] = [];
  for (const answer of answers) {
    const tokens = await tokenizeText(engine, signal, isSpaced ? ` ${answer}` : answer, false, false, continues);
    if (tokens.length === 0) {
      throw new CamelGPTError("bad-input", "A label has no tokens.", {
        expected: "labels with at least one token each",
        found: excerpt(answer),
      });
    }
    all.push(tokens);
  }
  return all;
}

async function scoreCausal(
  engine: Engine,
  prompt: number[],
  answers: readonly number[][],
  signal: AbortSignal | undefined,
): Promise<AnswerScore[]> {
  engine.scoreAnswers(prompt, answers);
  await runActivity(engine, signal);
  const logprobs = engine.scores().map(({ logprob }) => logprob);
  let end = 0;
  return answers.map(({ length }) => answerScore(logprobs.slice(end, (end += length))));
}

async function scoreMasked(
  engine: Engine,
  prompt: number[],
  answers: readonly number[][],
  signal: AbortSignal | undefined,
): Promise<AnswerScore[]> {
  const mask = engine.modelInfo().maskToken ?? 0;
  const pace = pacer();
  const scores: AnswerScore[] = [];
  let maskCount = 0; // number of masks after the prompt in the last evaluation
  for (const answer of answers) {
    if (answer.length !== maskCount) {
      maskCount = answer.length;
      engine.evaluateMasks([...prompt, ...answer.map(() => mask)], prompt.length);
      await runActivity(engine, signal);
    }
    scores.push(answerScore(answer.map((token, i) => engine.predict(prompt.length + i, { token }))));
    await pace();
    throwIfAborted(signal);
  }
  return scores;
}

function answerScore(logprobs: readonly number[]): AnswerScore {
  return { logprob: logprobs.reduce((sum, each) => sum + each, 0), tokens: logprobs.length };
}
