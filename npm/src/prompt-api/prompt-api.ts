// The Prompt API of Chrome (`LanguageModel`) for a model of this package, in every runtime.
import type { CamelGPTInferenceBase } from "../camelgpt-inference.js";
import type { ChatOptions } from "../options/chat.js";
import type { JsonSchema } from "../../../web/grammar/json-schema.js";
import type { Tool } from "../tools/tool.js";
import { asException, notSupported } from "./errors.js";
import { checkInput } from "./input.js";
import { type LanguageModelSource, monitored, SharedModel } from "./model-source.js";
import { checkSampling, paramsOf, samplingOf } from "./sampling.js";
import { anyOf, Session } from "./session.js";
import type {
  Availability,
  CreateCoreOptions,
  CreateOptions,
  LanguageModelClass,
  LanguageModelParams,
  PromptTool,
} from "./types.js";

export type { LanguageModelSource } from "./model-source.js";
export type * from "./types.js";

/** Settings of `createLanguageModel`. */
export interface LanguageModelSettings {
  /**
   * Options of each answer, for example `{ minP: 0.1 }`. The Prompt API has no limit for the length of an answer; here
   * it is `maxTokens`. `topK` and `temperature` are the defaults of `create`, instead of the model's own.
   * @default { maxTokens: 1024 }
   */
  chat?: Omit<ChatOptions, "signal" | "onProgress" | "n" | "continueFinalMessage">;
}

/** Options of `installLanguageModel`. */
export interface InstallOptions extends LanguageModelSettings {
  /** The model, or a function that loads it. */
  model: LanguageModelSource;
  /**
   * Whether the browser's own model is used if there is one and the device can run it.
   * @default true
   */
  useBuiltIn?: boolean;
}

const defaultMaxTokens = 1024;

/**
 * Returns a class `LanguageModel` whose sessions a model of this package answers.
 *
 * ```ts
 * const LanguageModel = createLanguageModel(model);
 * const session = await LanguageModel.create();
 * console.log(await session.prompt("Write me a poem."));
 * ```
 */
export function createLanguageModel(
  source: LanguageModelSource,
  { chat: defaults = {} }: LanguageModelSettings = {},
): LanguageModelClass {
  const shared = new SharedModel(source);
  const paramsFor = async (model: CamelGPTInferenceBase) => paramsOf({ ...(await model.info()).sampling, ...defaults });
  return class LanguageModel extends Session {
    static async availability(options: CreateCoreOptions = {}): Promise<Availability> {
      checkSampling(options);
      return isTextual(options) ? shared.availability : "unavailable";
    }

    static async params(): Promise<LanguageModelParams> {
      return paramsFor(await shared.get());
    }

    static async create(options: CreateOptions = {}): Promise<LanguageModel> {
      const { initialPrompts = [], signal: given, monitor, tools = [] } = options;
      const { signal, release } = anyOf([given]);
      try {
        signal.throwIfAborted();
        checkSampling(options);
        if (!isTextual(options)) throw notSupported("Only text is supported.");
        if (initialPrompts.length > 0 && checkInput(initialPrompts, true).isPrefix)
          throw new DOMException("An initial prompt cannot be a prefix.", "SyntaxError");
        const model = await orAborted(shared.get(monitored(monitor)), signal);
        const sampling = samplingOf(options, await paramsFor(model));
        const { topK, temperature } = sampling;
        const chat = model.createChat({
          maxTokens: defaultMaxTokens,
          ...defaults,
          topK,
          temperature,
          ...(tools.length > 0 && { tools: tools.map(toolOf) }),
        });
        const session = new LanguageModel(model, chat, sampling);
        if (initialPrompts.length > 0) await session.append(initialPrompts, { signal });
        signal.throwIfAborted();
        session.destroyWith(given);
        return session;
      } catch (error) {
        throw signal.aborted ? signal.reason : asException(error);
      } finally {
        release();
      }
    }
  };
}

/**
 * Sets `globalThis.LanguageModel`, unless the browser has one that its device can run, and returns it.
 *
 * ```ts
 * await installLanguageModel({ model: (onProgress) => CamelGPTInference.load("smollm2-135m", { onProgress }) });
 * const session = await LanguageModel.create();
 * ```
 */
export async function installLanguageModel(options: InstallOptions): Promise<LanguageModelClass> {
  const { model, useBuiltIn = true, ...settings } = options;
  const scope = globalThis as { LanguageModel?: LanguageModelClass };
  const builtIn = scope.LanguageModel;
  if (useBuiltIn && builtIn && (await isUsable(builtIn))) return builtIn;
  const value = createLanguageModel(model, settings);
  Object.defineProperty(globalThis, "LanguageModel", { value, configurable: true, writable: true });
  return value;
}

async function isUsable(builtIn: LanguageModelClass): Promise<boolean> {
  try {
    return (await builtIn.availability()) !== "unavailable";
  } catch {
    return false; // not in this frame, for example
  }
}

function isTextual({ expectedInputs = [], expectedOutputs = [] }: CreateCoreOptions): boolean {
  return [...expectedInputs, ...expectedOutputs].every(({ type }) => type === "text");
}

function toolOf({ name, description, inputSchema, execute }: PromptTool): Tool {
  return {
    name,
    description,
    parameters: inputSchema as JsonSchema,
    execute: (input) => execute(input),
  };
}

/** Ends the wait when the signal aborts, but not the work. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    work.then(resolve, reject);
  });
}
