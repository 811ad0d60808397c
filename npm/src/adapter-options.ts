// Values and helpers with which the adapters of other APIs make options of their fields.

/** More tokens than any context has. */
export const unlimited = 2 ** 31 - 1;

/** The option `reasoning` for the names of efforts that other APIs have. */
export const efforts = {
  none: "none",
  minimal: "low",
  low: "low",
  medium: "medium",
  high: "high",
  xhigh: "high",
  max: "high",
} as const;

/** A copy without the entries that are undefined. */
export function compact<T extends object>(values: { [Name in keyof T]: T[Name] | undefined }): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}
