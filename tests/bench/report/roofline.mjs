// A table of measurements and what a probe of the same run reached go in, shares of the roofline come out.

// The probe's name of the kernel that each tensor type is computed with.
const kernels = {
  F32: "float", F16: "half", BF16: "bfloat16", Q4_0: "nibble", Q4_1: "nibble+min", IQ4_NL: "nibble table", Q5_0: "byte", Q8_0: "byte",
  Q5_1: "byte+min", Q2_K: "nibble super 16+min", Q3_K: "nibble super 16", Q4_K: "nibble super 32+min", Q5_K: "byte super 32+min",
  Q6_K: "byte super 16",
};

/**
 * Percent for each engine that has a probe: bytes a second while decoding over those of plain reading, and multiply-adds a second of the
 * prefill over those of the kernels alone. Attention's own work is not counted, so that longer contexts show smaller shares.
 * @param report with `roofline`, engine → `{readGBps, gmacs: {kernel: {decode, prefill}}}`; without it there are no shares
 */
export function rooflineShares({ roofline, models }, table) {
  if (!roofline) return [];
  const { matrices } = models[table.model];
  return table.rows.filter(({ engine }) => roofline[engine]).flatMap(({ engine, label, cells }) => {
    const probe = roofline[engine];
    const best = (measure) => Math.max(0, ...cells.filter((_, i) => table.columns[i].measure === measure).map(({ median }) => median ?? 0));
    const bytes = matrices.reduce((sum, matrix) => sum + matrix.bytes, 0);
    const prefillSeconds = matrices.filter(({ isHead }) => !isHead).reduce((sum, { type, rows, columns }) =>
      sum + (rows * columns) / (probe.gmacs[kernels[type]].prefill * 1e9), 0);
    return [
      { label: `${label}: bytes/s`, value: (100 * best("decode") * bytes) / (probe.readGBps * 1e9 * table.threads) },
      { label: `${label}: MAC/s`, value: (100 * best("prefill") * prefillSeconds) / table.threads },
    ].filter(({ value }) => value > 0);
  });
}
