// Statistics of repeated measurements, in the words of a results file.

/** `{median, min, max, count}` of numbers. */
export function statisticsOf(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return {
    median: (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2,
    min: sorted[0],
    max: sorted.at(-1),
    count: sorted.length,
  };
}

export const medianOf = (values) => statisticsOf(values).median;

export const meanOf = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The value below which the share `part` of the values lies. */
export function percentileOf(values, part) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(part * (sorted.length - 1))];
}
