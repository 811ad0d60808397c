// A provider of the AI SDK (the package `ai`, specification v4) for a model in this process.
import type { CamelGPTInferenceBase } from "../camelgpt-inference.js";
import type { ChatOptions } from "../options/chat.js";
import type { EmbedOptions } from "../options/tasks.js";
import { providerName } from "./call-options.js";
import { embeddingModel, rerankingModel } from "./embedding-models.js";
import { languageModel } from "./language-model.js";
import { noSuchModel } from "./sdk-error.js";
import type { EmbeddingModel, LanguageModel, RerankingModel } from "./types.js";

export type * from "./types.js";

/** Settings of every call. Options of a call override them, and `providerOptions.camelgpt` overrides those. */
export interface CamelGPTSettings {
  /**
   * The name of the model in results.
   * @default "camelgpt"
   */
  modelId?: string;
  /** Options of each answer, for example `{ minP: 0.1 }`. */
  chat?: Omit<ChatOptions, "signal" | "onProgress" | "n">;
  /** Options of each embedding, for example `{ pooling: "last" }`. */
  embed?: Omit<EmbedOptions, "signal" | "onProgress">;
}

/** A language model, and the provider of all models that one file can be. */
export interface CamelGPTProvider extends LanguageModel {
  /** `modelId` is the name in results. */
  languageModel(modelId?: string): LanguageModel;
  embeddingModel(modelId?: string): EmbeddingModel;
  /** For encoders; others reject each call with `unsupported-task`. */
  rerankingModel(modelId?: string): RerankingModel;
  /** Throws AI_NoSuchModelError. */
  imageModel(modelId: string): never;
}

/**
 * Lets a model answer the calls of the AI SDK.
 *
 * ```ts
 * import { generateText } from "ai";
 * const { text } = await generateText({ model: camelgpt(model), prompt: "Why is the sky blue?" });
 * ```
 */
export function camelgpt(model: CamelGPTInferenceBase, settings: CamelGPTSettings = {}): CamelGPTProvider {
  const { modelId = providerName, chat = {}, embed = {} } = settings;
  return {
    ...languageModel(model, modelId, chat),
    languageModel: (id = modelId) => languageModel(model, id, chat),
    embeddingModel: (id = modelId) => embeddingModel(model, id, embed),
    rerankingModel: (id = modelId) => rerankingModel(model, id),
    imageModel: (id) => {
      throw noSuchModel("imageModel", id);
    },
  };
}
