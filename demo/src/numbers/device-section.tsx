// "Measure on this device": the form, the progress, and the results beside those of the repository.
import { useSignal } from "@preact/signals";
import { bytes, fill, words } from "../i18n/words.js";
import { CopyButton } from "../ui/copy-button.js";
import { TextField } from "../ui/fields.js";
import { TaskForm, useTask } from "../ui/task.js";
import { besideCommitted } from "./charts.js";
import { measure, type Progress } from "./measure.js";
import type { Results } from "./results.js";
import { ResultsSection } from "./results-section.js";

const t = words({
  title: [
    "Measure on this device",
    "在本设备上测量",
    "Medir en este dispositivo",
    "Auf diesem Gerät messen",
    "この端末で測定",
  ],
  model: [
    "Model: a name or an address",
    "模型：名称或地址",
    "Modelo: un nombre o una dirección",
    "Modell: ein Name oder eine Adresse",
    "モデル：名前またはアドレス",
  ],
  processor: [
    "Name of the processor, if you know it",
    "处理器名称（如知道）",
    "Nombre del procesador, si lo conoces",
    "Name des Prozessors, falls bekannt",
    "プロセッサ名（分かれば）",
  ],
  pruning: [
    "With dynamic pruning too",
    "同时测量动态剪枝",
    "También con poda dinámica",
    "Auch mit dynamischem Pruning",
    "動的プルーニングも測定",
  ],
  start: ["Measure", "测量", "Medir", "Messen", "測定する"],
  load: [
    "Loading: {loaded} of {total}",
    "加载：{loaded} / {total}",
    "Cargando: {loaded} de {total}",
    "Lädt: {loaded} von {total}",
    "読み込み：{loaded} / {total}",
  ],
  calibrate: [
    "Calibrating pruning",
    "正在校准剪枝",
    "Calibrando la poda",
    "Pruning wird kalibriert",
    "プルーニングを調整中",
  ],
  measure: [
    "Measuring: {done} of {total}",
    "测量：{done} / {total}",
    "Midiendo: {done} de {total}",
    "Misst: {done} von {total}",
    "測定：{done} / {total}",
  ],
  copy: ["Copy as JSON", "复制为 JSON", "Copiar como JSON", "Als JSON kopieren", "JSON としてコピー"],
  download: ["Download", "下载", "Descargar", "Herunterladen", "ダウンロード"],
});

const rounds = 3;

export function DeviceSection() {
  const model = useSignal("smollm2-135m");
  const processor = useSignal("");
  const pruning = useSignal(true);
  const progress = useSignal<Progress | undefined>(undefined);
  const results = useSignal<Results | undefined>(undefined);
  const task = useTask(async (signal) => {
    results.value = undefined;
    const plan = { model: model.value, threads: 1, rounds, pruning: pruning.value, processor: processor.value };
    try {
      results.value = await measure(plan, { signal, onProgress: (now) => (progress.value = now) });
    } finally {
      progress.value = undefined;
    }
  });
  return (
    <>
      <section class="stack" aria-labelledby="device-title">
        <h2 id="device-title">{t.title}</h2>
        <TaskForm task={task} label={t.start}>
          <TextField label={t.model} value={model} />
          <TextField label={t.processor} value={processor} />
          <label class="row">
            <input
              type="checkbox"
              checked={pruning.value}
              onChange={({ currentTarget }) => {
                pruning.value = currentTarget.checked;
              }}
            />
            {t.pruning}
          </label>
          <p role="status" class="figures">
            {progress.value && describe(progress.value)}
          </p>
        </TaskForm>
      </section>
      {results.value && (
        <>
          <ResultsSection id="device" results={results.value} charts={besideCommitted(results.value)} />
          <div class="row">
            <CopyButton text={jsonOf(results.value)} label={t.copy} />
            <a href={`data:application/json,${encodeURIComponent(jsonOf(results.value))}`} download="device.json">
              {t.download}
            </a>
          </div>
        </>
      )}
    </>
  );
}

const jsonOf = (results: Results) => JSON.stringify(results, null, 2);

function describe(progress: Progress): string {
  if (progress.phase === "calibrate") return t.calibrate;
  if (progress.phase === "measure") return fill(t.measure, { done: progress.done, total: progress.total });
  return fill(t.load, { loaded: bytes(progress.loaded), total: bytes(progress.total) });
}
