// One results file: its plots, where they come from, and all its rows as a table.
import { bytes, fill, language, number, words } from "../i18n/words.js";
import { CopyButton } from "../ui/copy-button.js";
import { chartsOf, type Chart } from "./charts.js";
import { measureName, rowText } from "./format.js";
import { Plot } from "./plot.js";
import type { Benchmark, Results, Row } from "./results.js";

const t = words({
  cores: ["{n} cores", "{n} 核", "{n} núcleos", "{n} Kerne", "{n} コア"],
  load: [
    "load average {from} to {to}",
    "平均负载 {from} 至 {to}",
    "carga media de {from} a {to}",
    "mittlere Last {from} bis {to}",
    "平均負荷 {from} ～ {to}",
  ],
  table: [
    "All values as a table",
    "表格形式的全部数据",
    "Todos los valores en una tabla",
    "Alle Werte als Tabelle",
    "すべての値を表で見る",
  ],
  model: ["Model", "模型", "Modelo", "Modell", "モデル"],
  engine: ["Engine", "引擎", "Motor", "Engine", "エンジン"],
  setting: ["Setting", "设置", "Ajuste", "Einstellung", "設定"],
  threads: ["Threads", "线程", "Hilos", "Threads", "スレッド"],
  measure: ["Measure", "指标", "Medida", "Maß", "指標"],
  value: [
    "Median or mean (range)",
    "中位数或平均值（范围）",
    "Mediana o media (rango)",
    "Median oder Mittel (Spanne)",
    "中央値または平均（範囲）",
  ],
  count: ["Count", "次数", "Recuento", "Anzahl", "回数"],
});

const titles: Record<Benchmark, string> = words({
  bench: ["Engines in turns", "引擎轮流比较", "Motores por turnos", "Engines im Wechsel", "エンジンの交互比較"],
  epdp: ["Dynamic pruning", "动态剪枝", "Poda dinámica", "Dynamisches Pruning", "動的プルーニング"],
  eager: [
    "Answering while the model arrives",
    "边下载边回答",
    "Responder mientras llega el modelo",
    "Antworten während des Ladens",
    "ダウンロード中の回答",
  ],
  masks: ["Answers in a format", "按格式回答", "Respuestas con formato", "Antworten in einem Format", "形式付きの回答"],
  embed: ["Embeddings", "嵌入", "Embeddings", "Embeddings", "埋め込み"],
  mini: ["CamelGPT-mini", "CamelGPT-mini", "CamelGPT-mini", "CamelGPT-mini", "CamelGPT-mini"],
  size: ["Size of the package", "软件包大小", "Tamaño del paquete", "Größe des Pakets", "パッケージのサイズ"],
  device: ["This device", "本设备", "Este dispositivo", "Dieses Gerät", "この端末"],
});

/** The benchmark, its models, and the name of the file, of which a machine has several. */
function titleOf(id: string, { benchmark, machine, rows }: Results): string {
  const models = [...new Set(rows.map(({ model }) => model))].filter((model) => model !== undefined);
  const title = titles[benchmark];
  const named = models.length === 0 || models.includes("camelgpt-mini") ? title : `${title}: ${models.join(", ")}`;
  return id === "device" ? named : `${named} (${id.replace(`${machine.name}-`, "")})`;
}

interface Props {
  id: string;
  results: Results;
  /** The plots, by default those of the file. */
  charts?: readonly Chart[];
}

export function ResultsSection({ id, results, charts = chartsOf(results) }: Props) {
  const title = titleOf(id, results);
  return (
    <section class="card stack results" aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>{title}</h2>
      <div class="plots">
        {charts.map((chart, i) => (
          <Plot key={i} chart={chart} />
        ))}
      </div>
      <Source results={results} />
      <details>
        <summary>{t.table}</summary>
        <Table results={results} title={title} />
      </details>
    </section>
  );
}

/** Machine, versions, date and command. */
function Source({ results }: { results: Results }) {
  const { machine, versions, date, command, load, note } = results;
  const memory = machine.memoryBytes === undefined ? [] : [bytes(machine.memoryBytes)];
  const cores = fill(t.cores, { n: number(machine.cores) });
  const [from, to = from] = load ?? [];
  return (
    <div class="source">
      <p>{[machine.cpu, cores, machine.flags.join(" "), ...memory, machine.system].join(" · ")}</p>
      <p>
        {Object.entries(versions)
          .map(([program, version]) => `${program} ${version}`)
          .join(" · ")}
      </p>
      <p>
        {new Date(date).toLocaleDateString(language.value, { dateStyle: "long" })}
        {from !== undefined && ` · ${fill(t.load, { from: number(from, 1), to: number(to!, 1) })}`}
      </p>
      <div class="command">
        <code>{command}</code>
        <CopyButton text={command} />
      </div>
      {note && <p lang="en">{note}</p>}
    </div>
  );
}

function Table({ results, title }: { results: Results; title: string }) {
  const { rows } = results;
  const columns: { name: string; of: (row: Row) => string | undefined }[] = [
    { name: t.model, of: ({ model }) => model },
    { name: t.engine, of: ({ label, engine }) => label ?? engine },
    { name: t.setting, of: ({ setting }) => setting },
    { name: t.threads, of: ({ threads }) => (threads === undefined ? undefined : number(threads)) },
    { name: t.measure, of: measureName },
    { name: t.value, of: rowText },
    { name: t.count, of: ({ count }) => (count === undefined ? undefined : number(count)) },
  ];
  const used = columns.filter(({ of }) => rows.some((row) => of(row) !== undefined));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section class="scrolling" tabIndex={0} aria-label={`${t.table}: ${title}`}>
      <table class="values">
        <thead>
          <tr>
            {used.map(({ name }) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            <tr key={i}>
              {used.map(({ name, of }) => (
                <td key={name}>{of(row) ?? "–"}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
