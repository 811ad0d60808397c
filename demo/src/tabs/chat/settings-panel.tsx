// The system text and the sampling options of answers.
import { useSignal } from "@preact/signals";
import { words } from "../../i18n/words.js";
import { modelState } from "../../state/model.js";
import { change, linkTo, settings } from "../../state/settings.js";
import { CopyButton } from "../../ui/copy-button.js";
import { Dialog } from "../../ui/dialog.js";

const t = words({
  settings: ["Settings", "设置", "Ajustes", "Einstellungen", "設定"],
  system: ["System text", "系统提示", "Texto del sistema", "Systemtext", "システムプロンプト"],
  temperature: [
    "Temperature (0: always the most probable token)",
    "温度（0：总选最可能的词元）",
    "Temperatura (0: siempre el token más probable)",
    "Temperatur (0: immer das wahrscheinlichste Token)",
    "温度（0：常に最も確率の高いトークン）",
  ],
  maxTokens: [
    "Longest answer, in tokens",
    "回答最大长度（词元）",
    "Respuesta más larga, en tokens",
    "Längste Antwort in Token",
    "回答の最大長（トークン）",
  ],
  topK: [
    "Keep the most probable tokens (top-k)",
    "保留最可能的词元（top-k）",
    "Conservar los tokens más probables (top-k)",
    "Die wahrscheinlichsten Token (Top-k)",
    "上位トークン数（top-k）",
  ],
  topP: [
    "Share of the probability to keep (top-p)",
    "保留的概率比例（top-p）",
    "Parte de la probabilidad (top-p)",
    "Anteil der Wahrscheinlichkeit (Top-p)",
    "確率の割合（top-p）",
  ],
  minP: [
    "Smallest probability, of the best token's (min-p)",
    "最低概率（min-p）",
    "Probabilidad mínima (min-p)",
    "Kleinste Wahrscheinlichkeit (Min-p)",
    "最小確率（min-p）",
  ],
  repeatPenalty: [
    "Penalty for repetition",
    "重复惩罚",
    "Penalización de repeticiones",
    "Strafe für Wiederholung",
    "繰り返しペナルティ",
  ],
  seed: [
    "Seed (empty: a new one each time)",
    "随机种子（空：每次不同）",
    "Semilla (vacía: otra cada vez)",
    "Startwert (leer: jedes Mal ein neuer)",
    "シード（空欄：毎回変わる）",
  ],
  alternatives: [
    "Show each token's alternatives",
    "显示每个词元的其他可能",
    "Mostrar alternativas de cada token",
    "Alternativen jedes Tokens zeigen",
    "各トークンの候補を表示",
  ],
  link: [
    "Copy a link to these settings",
    "复制设置链接",
    "Copiar un enlace a estos ajustes",
    "Link zu diesen Einstellungen kopieren",
    "この設定へのリンクをコピー",
  ],
});

const fields = [
  ["temperature", 0, 100, 0.1],
  ["maxTokens", 1, undefined, 1],
  ["topK", 0, undefined, 1],
  ["topP", 0.01, 1, 0.01],
  ["minP", 0, 0.99, 0.01],
  ["repeatPenalty", 0.1, 100, 0.05],
  ["seed", 0, undefined, 1],
] as const;

export function SettingsPanel() {
  const isOpen = useSignal(false);
  return (
    <>
      <button type="button" class="plain" onClick={() => (isOpen.value = true)}>
        {t.settings}
      </button>
      {isOpen.value && <Panel onClose={() => (isOpen.value = false)} />}
    </>
  );
}

function Panel({ onClose }: { onClose: () => void }) {
  const { system, sampling, alternatives } = settings.value;
  const state = modelState.value;
  const recommended: Record<string, unknown> = state.status === "ready" ? state.info.sampling : {};
  const setNumber = (name: string, text: string) => {
    const { [name]: _, ...others } = settings.value.sampling;
    change({ sampling: text === "" ? others : { ...others, [name]: Number(text) } });
  };
  return (
    <Dialog title={t.settings} onClose={onClose}>
      <div class="field">
        <label for="system">{t.system}</label>
        <textarea
          id="system"
          rows={3}
          value={system}
          onChange={({ currentTarget }) => change({ system: currentTarget.value })}
        />
      </div>
      <div class="sampling">
        {fields.map(([name, min, max, step]) => (
          <div class="field" key={name}>
            <label for={`sampling-${name}`}>{t[name]}</label>
            <input
              id={`sampling-${name}`}
              type="number"
              min={min}
              max={max}
              step={step}
              placeholder={recommended[name] === undefined ? "" : String(recommended[name])}
              value={sampling[name] === undefined ? "" : String(sampling[name])}
              onChange={({ currentTarget }) => {
                if (currentTarget.reportValidity()) setNumber(name, currentTarget.value);
              }}
            />
          </div>
        ))}
      </div>
      <label class="row">
        <input
          type="checkbox"
          checked={alternatives}
          onChange={({ currentTarget }) => change({ alternatives: currentTarget.checked })}
        />
        {t.alternatives}
      </label>
      <div class="row">
        <CopyButton text={linkTo(settings.value)} label={t.link} />
      </div>
    </Dialog>
  );
}
