// An embedding model and a reranking model of the AI SDK.
import { CamelGPTError } from "../../../web/errors.js";
import type { CamelGPTInferenceBase } from "../camelgpt-inference.js";
import type { EmbedOptions } from "../options/tasks.js";
import { countTokens, shortenVector } from "../vectors.js";
import { providerName } from "./call-options.js";
import type { EmbeddingModel, RerankingModel } from "./types.js";

/** `defaults`: options of every call; `providerOptions.camelgpt` overrides them. */
export function embeddingModel(model: CamelGPTInferenceBase, modelId: string, defaults: EmbedOptions): EmbeddingModel {
  return {
    specificationVersion: "v4",
    provider: providerName,
    modelId,
    maxEmbeddingsPerCall: undefined,
    supportsParallelCalls: false,
    async doEmbed({ values, dimensions, abortSignal: signal, providerOptions }) {
      const options = { ...defaults, ...providerOptions?.[providerName], ...(signal && { signal }) };
      const vectors = await model.embed(values, options);
      const embeddings = vectors.map((vector) => [...shortenVector(vector, dimensions)]);
      return { embeddings, usage: { tokens: await countTokens(model, values, signal) }, warnings: [] };
    },
  };
}

/** Errors: `unsupported-task` for models that are not trained for embeddings. */
export function rerankingModel(model: CamelGPTInferenceBase, modelId: string): RerankingModel {
  return {
    specificationVersion: "v4",
    provider: providerName,
    modelId,
    async doRerank({ documents, query, topN, abortSignal: signal }) {
      const { kind } = await model.info();
      if (kind !== "encoder") {
        throw new CamelGPTError("unsupported-task", "This model cannot rank documents.", {
          expected: "an encoder, which is trained for embeddings",
          found: `a ${kind} model`,
        });
      }
      const texts =
        documents.type === "text" ? documents.values : documents.values.map((value) => JSON.stringify(value));
      const [asked, ...vectors] = await model.embed([query, ...texts], { truncate: true, ...(signal && { signal }) });
      const scores = vectors.map((vector) => vector.reduce((sum, value, i) => sum + value * (asked?.[i] ?? 0), 0));
      const ranking = scores
        .map((relevanceScore, index) => ({ index, relevanceScore }))
        .sort((a, b) => b.relevanceScore - a.relevanceScore)
        .slice(0, topN);
      return { ranking, warnings: [] };
    },
  };
}
