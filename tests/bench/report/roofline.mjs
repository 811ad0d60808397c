// Computes the share of the roofline that measurements reach, from the probe's results of the same round.
import { decodeRooflineSeconds } from "../roofline/measure.js";

// The panel kind of each tensor type.
const kinds = {
  F32: "float",
  F16: "half",
  BF16: "bfloat16",
  Q4_0: "nibble",
  Q4_1: "nibble+min",
  IQ4_NL: "nibble table",
  MXFP4: "nibble table, bfloat16 scales",
  TQ1_0: "nibble",
  TQ2_0: "nibble",
  IQ1_S: "nibble table super 32",
  IQ2_XXS: "nibble table super 32",
  IQ3_XXS: "nibble table super 32",
  IQ3_S: "nibble table super 32",
  IQ4_XS: "nibble table super 32",
  IQ1_M: "nibble table super 16",
  IQ2_XS: "nibble table super 16",
  IQ2_S: "nibble table super 16",
  Q5_0: "byte",
  Q8_0: "byte",
  Q5_1: "byte+min",
  Q2_K: "nibble super 16+min",
  Q3_K: "nibble super 16",
  Q4_K: "nibble super 32+min",
  Q5_K: "byte super 32+min",
  Q6_K: "byte super 16",
};

const kernelOf = ({ type }) => kinds[type];

/** The kernels that a model's matrices use. */
export const kernelsOf = (matrices) => [...new Set(matrices.map(kernelOf))];

/**
 * Rows `{engine, round, measure: "decode share" | "prefill share", value}` for each round in which an engine has both
 * measurements: the minimum seconds for a token according to the probe of this round, divided by the measured ones.
 * Attention is not counted, so the fastest length is the most meaningful one. Each of several threads is assumed to
 * reach as much as a single thread.
 * @param matrices of the model, see models/demand.mjs
 * @param rows     of one model and one number of threads
 */
export function shareRows(matrices, rows, threads) {
  return rows
    .filter(({ probe }) => probe)
    .flatMap(({ engine, round, probe }) => {
      const fastest = (measure) =>
        Math.max(
          0,
          ...rows
            .filter((row) => row.engine === engine && row.round === round && row.measure === measure)
            .map(({ value = 0 }) => value),
        );
      const share = (measure, seconds) => ({
        engine,
        round,
        measure: `${measure} share`,
        value: (fastest(measure) * seconds) / threads,
      });
      return [
        share("decode", decodeSeconds(matrices, probe)),
        share("prefill", prefillSeconds(matrices, probe)),
      ].filter(({ value }) => value > 0);
    });
}

function decodeSeconds(matrices, probe) {
  const asPanels = matrices.map((matrix) => {
    const { rows, columns } = matrix;
    const kernel = kernelOf(matrix);
    return { kernel, rows, columns, bytes: rows * columns * probe.gmacs[kernel].bytesPerWeight };
  });
  return decodeRooflineSeconds(asPanels, probe);
}

/**
 * For one token of many: only the kernels count, since tokens share reads. The head is computed for the last token
 * only.
 */
function prefillSeconds(matrices, { gmacs }) {
  return matrices
    .filter(({ isHead }) => !isHead)
    .reduce((sum, matrix) => sum + (matrix.rows * matrix.columns) / (gmacs[kernelOf(matrix)].prefill * 1e9), 0);
}

/** The best results of the probes of all rounds, as text: `"memory 14.2 GB/s; nibble+min 27.5 and 37.3 GMAC/s; …"`. */
export function probeText(probes) {
  const best = (figure) => Math.max(...probes.map(figure)).toFixed(1);
  const kernels = Object.keys(probes[0].gmacs).map(
    (kernel) =>
      `${kernel} ${best(({ gmacs }) => gmacs[kernel].decode)} and ${best(({ gmacs }) => gmacs[kernel].prefill)} GMAC/s`,
  );
  return [`reading memory ${best(({ readGBps }) => readGBps)} GB/s`, ...kernels].join("; ");
}
