// How probable the labels of a classification are without a text.
//
// A model prefers some labels whatever the text is: frequent words, and those that the prompt names last. Contextual
// calibration (Zhao et al. 2021, "Calibrate Before Use") subtracts what it answers to a text without content.
import type { AnswerScore } from "../../../web/types.js";
import type { ModelConnection } from "../model-connection.js";
import { fill, type Prompt } from "./prompts.js";

const withoutContent = "N/A";
/** Sets of labels whose scores are kept for a model. */
const maxKept = 64;

const kept = new WeakMap<ModelConnection, Map<string, AnswerScore[]>>();

/** The scores of the labels after the prompt with a text without content. They are computed once for each set. */
export async function priorScores(
  model: ModelConnection,
  { prompt, isChat }: Prompt,
  labels: readonly string[],
  signal: AbortSignal,
): Promise<AnswerScore[]> {
  const ofModel = kept.get(model) ?? new Map<string, AnswerScore[]>();
  kept.set(model, ofModel);
  const key = JSON.stringify([prompt.text, labels]);
  let scores = ofModel.get(key);
  if (!scores) {
    const prompts = [fill(prompt, "{text}", withoutContent)];
    [scores = []] = await model.call("scoreAnswers", { prompts, answers: labels, isChat }, { signal });
    const oldest = ofModel.keys().next();
    if (ofModel.size >= maxKept && !oldest.done) ofModel.delete(oldest.value);
  }
  ofModel.set(key, scores);
  return scores;
}
