// The sampling options of a session.
import type { SamplingDefaults } from "../../../web/types.js";
import type { CreateCoreOptions, LanguageModelParams, SamplingMode } from "./types.js";

const maxTopK = 128;
const maxTemperature = 2;

export interface SessionSampling {
  topK: number;
  temperature: number;
  samplingMode: SamplingMode;
}

/** The temperature of each mode; the default and `balanced` are the model's own. */
const temperatures: { readonly [Mode in SamplingMode]?: number } = {
  "most-predictable": 0,
  predictable: 0.3,
  creative: 1,
  "most-creative": 1.3,
};

const modes: readonly string[] = ["default", "balanced", ...Object.keys(temperatures)];

export function paramsOf({ topK = 40, temperature = 0.7 }: SamplingDefaults): LanguageModelParams {
  return { defaultTopK: topK, maxTopK, defaultTemperature: temperature, maxTemperature };
}

/** Throws RangeError, and TypeError for a mode beside numbers. */
export function checkSampling({ topK, temperature, samplingMode = "default" }: CreateCoreOptions): void {
  if (!modes.includes(samplingMode)) throw new TypeError(`There is no samplingMode ${JSON.stringify(samplingMode)}.`);
  if (samplingMode !== "default" && (topK !== undefined || temperature !== undefined))
    throw new TypeError("samplingMode excludes topK and temperature.");
  if (topK !== undefined && !(topK >= 1)) throw new RangeError("topK is below 1.");
  if (temperature !== undefined && !(temperature >= 0)) throw new RangeError("temperature is below 0.");
}

export function samplingOf(
  { topK, temperature, samplingMode = "default" }: CreateCoreOptions,
  { defaultTopK, defaultTemperature }: LanguageModelParams,
): SessionSampling {
  return {
    topK: Math.floor(Math.min(topK ?? defaultTopK, maxTopK)),
    temperature: Math.min(temperature ?? temperatures[samplingMode] ?? defaultTemperature, maxTemperature),
    samplingMode,
  };
}
