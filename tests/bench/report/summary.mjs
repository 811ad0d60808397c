// Summarises rows of measurements as medians and ranges.
import { probeText, shareRows } from "./roofline.mjs";
import { medianOf, statisticsOf } from "./statistics.mjs";

/**
 * One table for each model and number of threads, in the order of the run:
 * `{model, threads, columns: [{measure, at}], rows: [{engine, cells: [{median, …, joules?} | {note}]}],
 * settings: [text], probes: [text], notes: [text]}`
 */
export function tablesOf({ results, engines, models }) {
  const keys = [...new Set(results.map(tableKey))];
  return keys.map((key) => {
    const measured = results.filter((row) => tableKey(row) === key);
    const [{ model, threads }] = measured;
    const rows = [...measured.filter(({ probe }) => !probe), ...shareRows(models[model].matrices, measured, threads)];
    const columns = columnsOf(rows);
    const present = engines.filter(({ id }) => rows.some((row) => row.engine === id));
    return {
      model,
      threads,
      columns,
      probes: present.flatMap(({ id, label }) => {
        const probes = measured.filter(({ engine, probe }) => engine === id && probe).map(({ probe }) => probe);
        return probes.length > 0 ? [`${label}: ${probeText(probes)}`] : [];
      }),
      settings: present
        .filter(({ id }) => models[model].settings[threads]?.[id])
        .map(({ id, label }) => `${label}: ${models[model].settings[threads][id]}`),
      rows: present.map(({ id, label }) => ({
        engine: id,
        label,
        settings: models[model].settings[threads]?.[id],
        cells: columns.map((column) => cellOf(rows.filter((row) => row.engine === id && isIn(row, column)))),
      })),
      notes: present.flatMap(({ id, label }) =>
        rows
          .filter((row) => row.engine === id && !row.measure && (row.skipped ?? row.error))
          .map((row) => `${label}: ${row.skipped ?? row.error}`),
      ),
    };
  });
}

const tableKey = ({ model, threads }) => `${model} ${threads}`;
const isIn = (row, { measure, at }) => row.measure === measure && row.at === at;
const order = ["load", "memory", "prefill", "decode", "prefill share", "decode share", "roofline"];

function columnsOf(rows) {
  const columns = rows.filter(({ measure }) => measure).map(({ measure, at }) => ({ measure, at }));
  const distinct = [...new Map(columns.map((column) => [`${column.measure} ${column.at}`, column])).values()];
  return distinct.sort((a, b) => order.indexOf(a.measure) - order.indexOf(b.measure) || a.at - b.at);
}

function cellOf(rows) {
  const measured = rows.filter(({ value }) => value !== undefined);
  if (measured.length === 0) return { note: rows.map(({ skipped, error }) => skipped ?? error).find(Boolean) };
  const joules = measured.map((row) => row.joules).filter((value) => value !== undefined);
  return {
    ...statisticsOf(measured.map(({ value }) => value)),
    ...(joules.length > 0 && { joules: medianOf(joules) }),
  };
}

const unitsOf = { load: "s", memory: "bytes", "prefill share": "share", "decode share": "share" };

/** The rows of a results file: one for each measured cell of the tables, and one for its energy if known. */
export function rowsOf({ engines }, tables) {
  const flavours = new Map(engines.map(({ id, flavour }) => [id, flavour]));
  return tables.flatMap(({ model, threads, columns, rows }) =>
    rows.flatMap(({ engine, label, cells }) =>
      cells.flatMap(({ median, min, max, count, joules }, i) => {
        if (median === undefined) return [];
        const { measure, at } = columns[i];
        const name = measure.replaceAll(" ", "-");
        const row = { model, engine, label, flavour: flavours.get(engine), threads, measure: name, at };
        const energy = { ...row, measure: `${name}-energy`, unit: "J/token", median: joules, count };
        return [
          { ...row, unit: unitsOf[measure] ?? "tok/s", median, min, max, count },
          ...(joules === undefined ? [] : [energy]),
        ];
      }),
    ),
  );
}
