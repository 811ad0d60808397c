// The plots of a results file, as data.
import { committed, type Results, type Row, shownValue } from "./results.js";

export interface Bar {
  label: string;
  value: number;
  min?: number;
  max?: number;
  /** Whether this engine or another one was measured. */
  isOurs: boolean;
}

/** Values of one measure, with a bar for each engine, setting, model or number of threads. */
export interface BarChart {
  kind: "bars";
  measure: string;
  at?: number;
  unit: Row["unit"];
  bars: readonly Bar[];
}

/** The speed of pruning settings against their divergence from the dense model. */
export interface LineChart {
  kind: "lines";
  series: readonly { label: string; points: readonly (readonly [x: number, y: number])[] }[];
}

export type Chart = BarChart | LineChart;

/** Measures that only the table shows. */
const inTableOnly = new Set([
  "best-decode",
  "best-speed",
  "speed",
  "kl",
  "macs",
  "perplexity",
  "same-answers",
  "same-best-token",
  "requests",
  "sent",
  "first-mask",
  "planned-memory",
]);

export function chartsOf(results: Results): Chart[] {
  const groups = new Map<string, Row[]>();
  for (const row of results.rows) {
    if (inTableOnly.has(row.measure)) continue;
    const key = `${row.measure} ${row.at}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const bars = [...groups.values()].map((rows) => barChart(rows));
  return results.benchmark === "epdp" ? [pruningChart(results.rows), ...bars] : bars;
}

function barChart(rows: readonly Row[]): BarChart {
  const [{ measure, at, unit }] = rows as [Row];
  const labels = labelsOf(rows);
  return {
    kind: "bars",
    measure,
    ...(at !== undefined && { at }),
    unit,
    bars: rows.map((row, i) => barOf(row, labels[i]!)),
  };
}

const barOf = (row: Row, label: string): Bar => ({
  label,
  value: shownValue(row),
  ...(row.min !== undefined && row.max !== undefined && row.min < row.max && { min: row.min, max: row.max }),
  isOurs: !/^(native|wllama)/.test(row.engine),
});

/** Labels of rows by what they differ in. */
export function labelsOf(rows: readonly Row[]): string[] {
  const parts: ((row: Row) => string | undefined)[] = [
    ({ label, engine }) => label ?? engine,
    ({ setting }) => setting,
    ({ model }) => model,
    ({ threads }) => (threads === undefined ? undefined : `${threads} thread${threads === 1 ? "" : "s"}`),
  ];
  const varying = parts.filter((part) => new Set(rows.map(part)).size > 1);
  const shown = varying.length > 0 ? varying : parts.slice(0, 1);
  return rows.map((row) => shown.map((part) => part(row)).join(", "));
}

/** A line for the modes, and one for each option that settings vary. */
function pruningChart(rows: readonly Row[]): LineChart {
  const series = new Map<string, [number, number][]>();
  for (const setting of new Set(rows.map((row) => row.setting!))) {
    const meanOf = (name: string) => rows.find((row) => row.setting === setting && row.measure === name)?.mean;
    const kl = setting === "off" ? 0 : meanOf("kl");
    const speed = meanOf("best-speed");
    if (kl === undefined || speed === undefined) continue;
    const label = setting.startsWith("{") ? Object.keys(JSON.parse(setting) as object).join(", ") : "off … aggressive";
    series.set(label, [...(series.get(label) ?? []), [kl, speed]]);
  }
  const sorted = [...series].map(([label, points]) => ({ label, points: points.sort(([a], [b]) => a - b) }));
  return { kind: "lines", series: sorted };
}

/**
 * The bars of own results, each measure with those of the committed files for the same model, measure, length and
 * number of threads. Of several files, the first one with an engine counts.
 */
export function besideCommitted(own: Results): BarChart[] {
  return chartsOf(own).flatMap((chart) => {
    if (chart.kind !== "bars") return [];
    const { measure, at } = chart;
    const isSame = (row: Row) => row.measure === measure && row.at === at;
    const mine = own.rows.filter(isSame);
    const seen = new Set<string>();
    const others = committed.flatMap(({ results: { rows, machine } }) =>
      rows
        .filter((row) => isSame(row) && mine.some(({ model, unit }) => row.model === model && row.unit === unit))
        .filter(({ engine, threads, setting }) => {
          const key = [machine.name, engine, threads, setting].join();
          return !seen.has(key) && seen.add(key);
        })
        .map((row) => ({ row, machine })),
    );
    const all = [...mine.map((row) => ({ row, machine: own.machine })), ...others];
    const labels = labelsOf(all.map(({ row }) => row));
    const bars = all.map(({ row, machine }, i) => barOf(row, `${labels[i]} (${machine.cpu})`));
    return [{ ...chart, bars }];
  });
}
