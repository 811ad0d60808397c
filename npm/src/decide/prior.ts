// How probable the labels of a classification are without a text.
//
// A model prefers some labels whatever the text is: frequent words, and those that the prompt names last. Contextual
// calibration (Zhao et al. 2021, "Calibrate Before Use") divides by its answers to texts without content.
import type { ModelConnection } from "../model-connection.js";
import { fillPrompt, type Prompt } from "./prompts.js";
import { labelProbabilities } from "./probabilities.js";

/** Those of the paper. */
const withoutContent = ["N/A", "[MASK]", ""];
/** Sets of labels whose probabilities are kept for a model. */
const maxKept = 64;

const kept = new WeakMap<ModelConnection, Map<string, number[]>>();

/**
 * The mean probability of each label after the prompt with a text without content. It is computed once for each set of
 * labels.
 */
export async function priorProbabilities(
  model: ModelConnection,
  { prompt, isChat }: Prompt,
  labels: readonly string[],
  signal: AbortSignal,
): Promise<number[]> {
  const ofModel = kept.get(model) ?? new Map<string, number[]>();
  kept.set(model, ofModel);
  const key = JSON.stringify([prompt.text, labels]);
  let means = ofModel.get(key);
  if (!means) {
    const prompts = withoutContent.map((text) => fillPrompt(prompt, labels, text));
    const scores = await model.call("scoreAnswers", { prompts, answers: labels, isChat }, { signal });
    const all = scores.map((each) => labelProbabilities(each));
    means = labels.map((_, i) => all.reduce((sum, each) => sum + (each[i] ?? 0), 0) / all.length);
    const oldest = ofModel.keys().next();
    if (ofModel.size >= maxKept && !oldest.done) ofModel.delete(oldest.value);
    ofModel.set(key, means);
  }
  return means;
}
