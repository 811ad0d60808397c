// An error of the package in full: what was expected, what was found, and what to do.
import { CamelGPTError } from "@gpt-research/camelgpt-inference";

export function Problem({ error }: { error: unknown }) {
  if (error === undefined) return null;
  const { message, expected, found, hint } = error instanceof CamelGPTError ? error : asText(error);
  const details = [expected && `expected ${expected}`, found && `found ${found}`].filter(Boolean).join(", ");
  return (
    <p class="error" role="alert">
      {[message, details && `(${details})`, hint].filter(Boolean).join(" ")}
    </p>
  );
}

const asText = (error: unknown): Partial<CamelGPTError> => ({
  message: error instanceof Error ? error.message : String(error),
});

export const isAbort = (error: unknown): boolean => error instanceof CamelGPTError && error.code === "aborted";
