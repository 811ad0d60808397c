// Plots of pruning: the speed of settings against their cost.
import { plotLines } from "./plots.mjs";

/** Measures of the distance from the dense model, with the cost that a plot shows. */
export const costs = {
  kl: { title: "KL, nats a token", of: (kl) => kl },
  "same-best-token": { title: "other best tokens, %", of: (share) => 100 * (1 - share) },
  perplexity: { title: "perplexity, % more", of: (ratio) => Math.max(0, 100 * (ratio - 1)) },
};

/** Settings that belong to one line: the modes, or the values of one option. */
const familyOf = (setting) => (setting.startsWith("{") ? Object.keys(JSON.parse(setting)).join(", ") : "modes");

/**
 * `[{label, points: [[cost, speed], …]}]` from the rows of a results file of `epdp`. The dense model has no cost and
 * the speed 1.
 */
export function pruningSeries(rows, measure) {
  const series = new Map();
  for (const setting of new Set(rows.map((row) => row.setting))) {
    const meanOf = (name) => rows.find((row) => row.setting === setting && row.measure === name)?.mean;
    const cost = setting === "off" ? 0 : costs[measure].of(meanOf(measure));
    const label = familyOf(setting);
    series.set(label, [...(series.get(label) ?? []), [Number(cost.toPrecision(2)), meanOf("best-speed")]]);
  }
  return [...series].map(([label, points]) => ({ label, points: points.sort(([a], [b]) => a - b) }));
}

/** A plot as SVG. */
export function plotPruning(model, rows, measure) {
  const { title } = costs[measure];
  return plotLines(`${model}: speed against ${title}`, pruningSeries(rows, measure), { x: title, y: "× dense" });
}
