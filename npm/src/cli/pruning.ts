// A line about what dynamic pruning left out of an answer.
import type { EpdpReport } from "../report.js";

/** Returns undefined if the dense model answered. */
export function pruningLine(report: EpdpReport): string | undefined {
  const { mode, calibrated, headRows, ffnKept, macsPerToken, macsPerTokenDense, costs, accepted } = report;
  if (mode === "off") return undefined;
  if (!calibrated) return `epdp ${mode}: not calibrated yet, so nothing was left out (see camelgpt calibrate)`;
  const percent = (share: number) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
  const cost = mode === "custom" ? undefined : costs?.[mode];
  const parts = [
    `epdp ${mode}: ${percent(1 - macsPerToken / macsPerTokenDense)} of the multiply-adds left out`,
    costs && `${headRows} rows of the head scored exactly`,
    ffnKept < 1 && `${percent(ffnKept)} of the neurons computed`,
    accepted > 0 && `${accepted} tokens drafted`,
    cost && `KL ${cost.kl.toFixed(4)} nats a token when calibrated`,
  ];
  return parts.filter(Boolean).join(" · ");
}
