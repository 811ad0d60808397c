// Draws the plots of a report: `{file name: SVG}`.
import { plotBars, plotLines } from "./plots.mjs";

const barsFrom = 128; // the shortest prompt with a meaningful prefill rate

export function picturesOf(tables) {
  return Object.assign({}, ...tables.map((table) => picturesOfTable(table)));
}

function picturesOfTable(table) {
  const name = `${table.model}-${table.threads}`;
  const title = (what) => `${table.model}, ${table.threads} thread${table.threads === 1 ? "" : "s"}: ${what}`;
  const pictures = {};
  const add = (kind, svg) => {
    pictures[`${kind}-${name}.svg`] = svg;
  };
  for (const measure of ["prefill", "decode"]) {
    const lengths = table.columns.filter((column) => column.measure === measure).map(({ at }) => at);
    if (lengths.length === 0) continue;
    const shown = measure === "decode" ? lengths[0] : (lengths.find((at) => at >= barsFrom) ?? lengths.at(-1));
    const bars = measured(table, measure, shown).map(({ label, cell }) => ({ label, value: cell.median, ...cell }));
    if (bars.length > 0) add(measure, plotBars(title(`${measure}, ${tokens(measure, shown)}`), bars, "tok/s"));
    const series = table.rows
      .map(({ label, engine }) => ({ label, points: lengths.flatMap((at) => pointsOf(table, engine, measure, at)) }))
      .filter(({ points }) => points.length > 0);
    if (lengths.length > 1 && series.length > 0) {
      const along = measure === "decode" ? "tokens of context" : "tokens of the prompt";
      add(`${measure}-by-length`, plotLines(title(`${measure} by length`), series, { x: along, y: "tok/s" }));
    }
  }
  const shares = ["decode", "prefill"].flatMap((measure) =>
    measured(table, `${measure} share`).map(({ label, cell }) => ({
      label: `${label}: ${measure}`,
      value: 100 * cell.median,
      min: 100 * cell.min,
      max: 100 * cell.max,
    })),
  );
  if (shares.length > 0) add("roofline", plotBars(title("share of the roofline"), shares, "%"));
  return pictures;
}

const tokens = (measure, at) => (measure === "decode" ? `after ${at} tokens` : `${at} tokens`);

function measured(table, measure, at) {
  const index = table.columns.findIndex((column) => column.measure === measure && column.at === at);
  return table.rows
    .map(({ label, engine, cells }) => ({ label, engine, cell: cells[index] }))
    .filter(({ cell }) => cell?.median !== undefined);
}

function pointsOf(table, engine, measure, at) {
  return measured(table, measure, at)
    .filter((row) => row.engine === engine)
    .map(({ cell }) => [at, cell.median]);
}
