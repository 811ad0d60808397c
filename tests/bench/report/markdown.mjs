// Formats a report and its tables as Markdown.

const percent = (share) => (100 * share).toFixed(0);
const units = {
  load: { name: "load to first token, s", show: (seconds) => seconds.toFixed(2), lowerIsBetter: true },
  memory: { name: "memory, MB", show: (bytes) => (bytes / 1e6).toFixed(0), lowerIsBetter: true },
  prefill: { name: "prefill of", show: (rate) => rate.toFixed(1) },
  decode: { name: "decode after", show: (rate) => rate.toFixed(1) },
  "prefill share": { name: "prefill, % of the roofline", show: percent, isShare: true },
  "decode share": { name: "decode, % of the roofline", show: percent, isShare: true },
  roofline: { name: "roofline", show: String, isShare: true }, // shown only if the probe failed
};
const peers = ["wllama", "native"];

export function machineLine({ cpu, cores, flags, memoryBytes, system }) {
  const memory = `${(memoryBytes / 1e9).toFixed(0)} GB of memory`;
  return `${cpu}, ${cores} cores (${flags.join(", ") || "flags unknown"}), ${memory}, ${system}.`;
}

/** Names and versions, without those that are unknown. */
export function versionList(versions) {
  const known = Object.entries(versions).filter(([, version]) => version);
  return known.map(([name, version]) => `${name} ${version}`).join(", ");
}

export function markdownOf(report, tables) {
  const { machine, versions } = report;
  return [
    "# Benchmark results",
    "",
    machineLine(machine),
    `${versionList(versions)}.`,
    `${report.date}; \`${report.command}\`; energy: ${report.energy}.`,
    "",
    "Tokens a second, medians of the rounds (minimum–maximum). A dash: not measured; the reason is below the table.",
    "",
    ...tables.flatMap((table) => [...tableLines(table), ...scalingLines(table, tables)]),
  ].join("\n");
}

function tableLines(table) {
  const heads = table.columns.map(columnName);
  const energy = table.rows.some(({ cells }) => cells.some(({ joules }) => joules !== undefined));
  return [
    `## ${table.model}, ${table.threads === 1 ? "one thread" : `${table.threads} threads`}`,
    "",
    ...grid(
      ["engine", ...heads],
      table.rows.map(({ label, cells }) => [label, ...cells.map((cell, i) => cellText(cell, table.columns[i]))]),
    ),
    ...ratioLines(table, heads),
    ...(energy ? energyLines(table, heads) : []),
    ...[...table.settings, ...notesOf(table)].map((note) => `- ${note}`),
    "",
    ...(table.probes.length > 0
      ? [
          "The probe, best of the rounds (of a kernel: for one token and for many):",
          "",
          ...table.probes.map((text) => `- ${text}`),
          "",
        ]
      : []),
  ];
}

function columnName({ measure, at }) {
  return at === undefined ? units[measure].name : `${units[measure].name} ${at.toLocaleString("en")}`;
}

function cellText({ median, min, max, count }, { measure }) {
  if (median === undefined) return "–";
  const { show } = units[measure];
  return count === 1 ? show(median) : `${show(median)} (${show(min)}–${show(max)})`;
}

/** The ratio of each engine to each peer. */
function ratioLines(table, heads) {
  const against = peers.map((id) => table.rows.find(({ engine }) => engine === id)).filter(Boolean);
  if (against.length === 0 || table.rows.length < 2) return [];
  const compared = comparable(table);
  const rows = table.rows.map(({ label, cells }) => [
    label,
    ...compared.map((i) => against.map(({ cells: peer }) => ratio(cells[i], peer[i], table.columns[i])).join(" · ")),
  ]);
  return [
    `Times as fast (load and memory: as little) as ${against.map(({ label }) => label).join(" · ")}:`,
    "",
    ...grid(["engine", ...compared.map((i) => heads[i])], rows),
  ];
}

/** The columns in which two engines, or two numbers of threads, are comparable. */
const comparable = ({ columns }) => columns.flatMap(({ measure }, i) => (units[measure].isShare ? [] : [i]));

/** The ratio of each engine to itself with the fewest threads of this run. */
function scalingLines(table, tables) {
  const single = tables.filter(({ model }) => model === table.model).reduce((a, b) => (b.threads < a.threads ? b : a));
  if (single === table) return [];
  const compared = comparable(table);
  const rows = table.rows.flatMap(({ engine, label, cells }) => {
    const base = single.rows.find((row) => row.engine === engine);
    if (!base) return [];
    return [
      [
        label,
        ...compared.map((i) => {
          const { measure, at } = table.columns[i];
          const same = base.cells[single.columns.findIndex((column) => column.measure === measure && column.at === at)];
          return same ? ratio(cells[i], same, table.columns[i]) : "–";
        }),
      ],
    ];
  });
  return [
    `${table.threads} threads over ${single.threads}:`,
    "",
    ...grid(["engine", ...compared.map((i) => columnName(table.columns[i]))], rows),
  ];
}

function ratio(ours, theirs, { measure }) {
  if (ours.median === undefined || theirs.median === undefined) return "–";
  const quotient = ours.median / theirs.median;
  return `${(units[measure].lowerIsBetter ? 1 / quotient : quotient).toFixed(2)} ×`;
}

function energyLines(table, heads) {
  const rows = table.rows.map(({ label, cells }) => [label, ...cells.map(({ joules }) => joules?.toFixed(2) ?? "–")]);
  return ["Joules a token, of the whole processor:", "", ...grid(["engine", ...heads], rows)];
}

function notesOf({ rows, columns, notes }) {
  const ofCells = rows.flatMap(({ label, cells }) =>
    cells.flatMap((cell, i) => (cell.note ? [`${label}, ${columnName(columns[i])}: ${cell.note}`] : [])),
  );
  return [...notes, ...ofCells];
}

/** The lines of a table. */
export function grid(head, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line), ""];
}
