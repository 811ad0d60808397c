// One line about the model in use: its name and size, the progress of its download, what runs it.
import { signal, useSignal } from "@preact/signals";
import { bytes, fill, number, words } from "../i18n/words.js";
import { loadModel, modelState, nameOf, unloadModel, type Download } from "../state/model.js";
import { settings } from "../state/settings.js";
import { Problem } from "../ui/problem.js";
import { ModelDialog } from "./model-dialog.js";
import "./model.css";

const t = words({
  model: ["Model", "模型", "Modelo", "Modell", "モデル"],
  change: ["Change model", "更换模型", "Cambiar modelo", "Modell wechseln", "モデルを変更"],
  load: ["Load {name}", "加载 {name}", "Cargar {name}", "{name} laden", "{name} を読み込む"],
  loading: ["Loading {name}", "正在加载 {name}", "Cargando {name}", "{name} wird geladen", "{name} を読み込み中"],
  cancel: ["Cancel", "取消", "Cancelar", "Abbrechen", "キャンセル"],
  none: [
    "No model is loaded.",
    "尚未加载模型。",
    "No hay ningún modelo cargado.",
    "Kein Modell geladen.",
    "モデルは未読み込みです。",
  ],
  offline: ["Offline", "离线", "Sin conexión", "Offline", "オフライン"],
  parameters: ["{n} M parameters", "{n} 百万参数", "{n} M de parámetros", "{n} Mio. Parameter", "{n} M パラメータ"],
  memory: ["{size} of memory", "内存 {size}", "{size} de memoria", "{size} Arbeitsspeicher", "メモリ {size}"],
  threads: ["threads: {n}", "线程：{n}", "hilos: {n}", "Threads: {n}", "スレッド：{n}"],
  left: ["{time} left", "剩余 {time}", "quedan {time}", "noch {time}", "残り {time}"],
});

const isOffline = signal(!navigator.onLine);
for (const type of ["online", "offline"]) addEventListener(type, () => (isOffline.value = !navigator.onLine));

export function ModelBar() {
  const isOpen = useSignal(false);
  const state = modelState.value;
  return (
    <section class="model-bar" aria-label={t.model}>
      {state.status === "loading" ? (
        <Loading name={nameOf(state.source)} download={state.download} />
      ) : (
        <div class="row">
          {state.status === "ready" ? <Ready /> : <span class="quiet">{t.none}</span>}
          {state.status !== "ready" && (
            <button type="button" class="primary" onClick={() => void loadModel(settings.value.model)}>
              {fill(t.load, { name: settings.value.model })}
            </button>
          )}
          <button type="button" onClick={() => (isOpen.value = true)}>
            {t.change}
          </button>
          {isOffline.value && <span class="badge">{t.offline}</span>}
        </div>
      )}
      {state.status === "failed" && <Problem error={state.error} />}
      {isOpen.value && <ModelDialog onClose={() => (isOpen.value = false)} />}
    </section>
  );
}

function Ready() {
  const state = modelState.value;
  if (state.status !== "ready") return null;
  const { parameters, memoryPlan, engine } = state.info;
  return (
    <span class="model-facts">
      <strong>{nameOf(state.source)}</strong>
      <small>
        {[
          fill(t.parameters, { n: number(parameters / 1e6, parameters < 1e6 ? 3 : 0) }),
          fill(t.memory, { size: bytes(memoryPlan.totalBytes) }),
          engine.kernels,
          fill(t.threads, { n: engine.threads }),
        ].join(" · ")}
      </small>
    </span>
  );
}

function Loading({ name, download }: { name: string; download: Download | undefined }) {
  const { loaded = 0, total = 0, bytesPerSecond = 0 } = download ?? {};
  const seconds = bytesPerSecond > 0 && total > loaded ? (total - loaded) / bytesPerSecond : undefined;
  const facts = [
    total > 0 ? `${bytes(loaded)} / ${bytes(total)}` : bytes(loaded),
    bytesPerSecond > 0 && `${bytes(bytesPerSecond)}/s`,
    seconds !== undefined && fill(t.left, { time: time(seconds) }),
  ];
  return (
    <div class="row loading">
      <span id="loading-name">{fill(t.loading, { name })}</span>
      <progress aria-labelledby="loading-name" value={total > 0 ? loaded / total : undefined} />
      <small class="quiet figures">{facts.filter(Boolean).join(" · ")}</small>
      <button type="button" onClick={() => void unloadModel()}>
        {t.cancel}
      </button>
    </div>
  );
}

const time = (seconds: number) =>
  seconds < 90 ? `${number(Math.ceil(seconds))} s` : `${number(Math.ceil(seconds / 60))} min`;
