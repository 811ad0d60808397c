// The exports of every entry besides its CamelGPTInference.
export { CamelGPTError, type ErrorCode, type ErrorData } from "../../web/errors.js";
export type { ChatMessage, ChatRole, ChatToolCall, TextPart } from "../../web/text/messages.js";
export type { Reasoning } from "./chat/template-settings.js";
export type { ChatSession } from "./chat/session.js";
export type {
  AnswerOptions,
  AppendOptions,
  ChatResult,
  ChatSessionOptions,
  ChatStats,
  ChatTurn,
  DroppedTurns,
} from "./chat/session-state.js";

export type { Allow } from "../../web/load/allow.js";
export type { Fetch, FetchInit } from "../../web/load/sources/http-options.js";
export type { JsonSchema } from "../../web/types/json-schema.js";
export type { CatalogueEntry } from "../../web/load/catalogue/catalogue.js";
export type { CachedFile } from "../../web/load/stores/entries.js";
export type { FileSource, ModelSource } from "../../web/load/resolve.js";
export type {
  AnswerMessage,
  AnswerPart,
  AnswerStep,
  Calibration,
  Candidate,
  Choice,
  Classification,
  DeepPartial,
  EngineInfo,
  EpdpCost,
  EpdpCosts,
  EpdpMode,
  EpdpNumbers,
  FilledMasks,
  FinishReason,
  Flavour,
  FormatMatch,
  FormatOutput,
  FromSchema,
  GenerationResult,
  Inspection,
  KvCacheType,
  LoadedState,
  MemoryPlan,
  ModelInfo,
  ModelKind,
  Pooling,
  PrefillProgress,
  ProgressEvent,
  Rating,
  ReleaseInfo,
  ResponseFormat,
  SamplingDefaults,
  Score,
  StandardSchema,
  StepActivity,
  StepLogprobs,
  TensorInfo,
  TextsProgress,
  Timings,
  TokenLogprob,
  ToolCall,
  ToolResult,
  Usage,
  WeightType,
  YesNo,
} from "../../web/types.js";
export type {
  CalibrateOptions,
  ChatOptions,
  ChooseOptions,
  ClassifyOptions,
  DetokenizeOptions,
  EmbedOptions,
  FillMaskOptions,
  GenerateOptions,
  Limits,
  LoadOptions,
  RateOptions,
  ScoreOptions,
  TokenizeOptions,
  YesNoOptions,
} from "./options.js";
export { tool, type Tool, type ToolChoice, type ToolContext, type ToolOptions } from "./tools/tool.js";
export type { CacheOptions } from "./camelgpt-inference.js";
export type { Verification } from "./release.js";
export type { EpdpReport } from "./report.js";
export type { TextStream } from "../../web/text/text-stream.js";
