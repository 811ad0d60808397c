// A generation, and the format of its answer. This file is in the main bundle; the code of formats is loaded by the
// first one.
import type { GenerateParams } from "../../../web/tasks/params.js";
import type { GenerationResult, ResponseFormat } from "../../../web/types.js";
import type { Limits } from "../options/limits.js";

/**
 * Runs a generation with the grammar of the format, and adds the value of the answer to the result.
 * Errors: `bad-option`, `bad-schema`, `bad-grammar`, before `run` is called.
 */
export async function generateFormatted<T extends GenerationResult>(
  { limits }: { limits: Limits | undefined },
  format: ResponseFormat | undefined,
  params: GenerateParams,
  run: (params: GenerateParams) => Promise<T>,
): Promise<T> {
  return format ? (await import("./prepare-format.js")).generateWith(limits, format, params, run) : run(params);
}
