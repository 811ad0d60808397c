// Results files: those of the repository's benchmarks, and the form that this page writes too. docs/results/schema.json
// describes it.

export type Unit =
  | "tok/s"
  | "sentences/s"
  | "s"
  | "ms"
  | "us"
  | "bytes"
  | "share"
  | "ratio"
  | "nats"
  | "J/token"
  | "count";

/** Statistics of one measure of an engine. */
export interface Row {
  model?: string;
  engine: string;
  label?: string;
  flavour?: "simd" | "relaxed";
  threads?: number;
  setting?: string;
  measure: string;
  at?: number;
  unit: Unit;
  median?: number;
  mean?: number;
  min?: number;
  max?: number;
  p95?: number;
  p99?: number;
  count?: number;
}

export interface Machine {
  name: string;
  cpu: string;
  cores: number;
  flags: readonly string[];
  memoryBytes?: number;
  system: string;
}

export type Benchmark = "bench" | "eager" | "embed" | "epdp" | "masks" | "mini" | "size" | "device";

export interface Results {
  format: 1;
  benchmark: Benchmark;
  what: string;
  date: string;
  command: string;
  machine: Machine;
  versions: Readonly<Record<string, string>>;
  load?: readonly number[];
  settings?: Readonly<Record<string, string>>;
  note?: string;
  rows: readonly Row[];
}

const files = import.meta.glob<Results>("../../../docs/results/*/*.json", { eager: true, import: "default" });

/** The order of the page's sections. */
const order: readonly Benchmark[] = ["bench", "epdp", "eager", "masks", "embed", "mini", "size"];

/** The committed files, each with an identifier made of its path. */
export const committed: readonly { id: string; results: Results }[] = Object.entries(files)
  .map(([path, results]) => ({
    id: path
      .split("/")
      .slice(-2)
      .join("-")
      .replace(/\.json$/, ""),
    results,
  }))
  .sort((a, b) => order.indexOf(a.results.benchmark) - order.indexOf(b.results.benchmark) || (a.id < b.id ? -1 : 1));

/** The value that a plot shows. */
export const shownValue = ({ median, mean }: Row): number => (median ?? mean)!;

/** `{median, min, max, count}` of measured values. */
export function statisticsOf(values: readonly number[]): Required<Pick<Row, "median" | "min" | "max" | "count">> {
  const sorted = values.map(short).sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = short((sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2);
  return { median, min: sorted[0]!, max: sorted.at(-1)!, count: sorted.length };
}

/** With the digits that results files have. */
const short = (value: number): number => (Number.isInteger(value) ? value : Number(value.toPrecision(4)));
