// The engine while it answers: the map of pruning, its speed, its memory, and the choice of how much to skip.
import type { EpdpMode, EpdpReport, ModelInfo } from "@gpt-research/camelgpt-inference";
import { signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { bytes, fill, number, words } from "../i18n/words.js";
import { modelState, type Ready } from "../state/model.js";
import { change, modes, settings } from "../state/settings.js";
import { Problem } from "../ui/problem.js";
import { lastTimings, pace, restartPace, savedShare } from "./live.js";
import { EpdpMap } from "./map.js";
import "./engine.css";

const t = words({
  title: ["Inside the engine", "引擎内部", "Dentro del motor", "Im Inneren der Engine", "エンジンの中"],
  perSecond: ["{n} tokens/s", "{n} 词元/秒", "{n} tokens/s", "{n} Token/s", "{n} トークン/秒"],
  prefill: [
    "prompt at {n} tokens/s",
    "提示 {n} 词元/秒",
    "petición a {n} tokens/s",
    "Frage mit {n} Token/s",
    "プロンプト {n} トークン/秒",
  ],
  memory: ["Memory", "内存", "Memoria", "Speicher", "メモリ"],
  weights: ["weights {size}", "权重 {size}", "pesos {size}", "Gewichte {size}", "重み {size}"],
  cache: ["context {size}", "上下文 {size}", "contexto {size}", "Kontext {size}", "コンテキスト {size}"],
  other: ["other {size}", "其他 {size}", "otros {size}", "Übriges {size}", "その他 {size}"],
  pruning: ["Dynamic pruning", "动态剪枝", "Poda dinámica", "Dynamisches Pruning", "動的プルーニング"],
  off: ["Off", "关闭", "No", "Aus", "オフ"],
  exact: ["Exact", "精确", "Exacta", "Exakt", "厳密"],
  balanced: ["Balanced", "均衡", "Equilibrada", "Ausgewogen", "バランス"],
  aggressive: ["Aggressive", "激进", "Agresiva", "Aggressiv", "積極的"],
  learning: [
    "The engine is learning in idle time what this model can leave out.",
    "引擎正在空闲时学习此模型可以省略什么。",
    "El motor está aprendiendo, en ratos libres, qué puede omitir este modelo.",
    "Die Engine lernt in Pausen, was dieses Modell auslassen kann.",
    "エンジンは空き時間に、このモデルで省ける部分を学習しています。",
  ],
  saved: [
    "{share} % of the multiply-adds were left out.",
    "省去了 {share} % 的乘加运算。",
    "Se omitió el {share} % de las multiplicaciones.",
    "{share} % der Multiplikationen wurden ausgelassen.",
    "積和演算の {share} % を省きました。",
  ],
  guard: [
    "Compared with the full model {checks} times: divergence {kl} nats.",
    "与完整模型比较 {checks} 次：散度 {kl} nats。",
    "Comparado {checks} veces con el modelo completo: divergencia {kl} nats.",
    "{checks}-mal mit dem vollen Modell verglichen: Abweichung {kl} nats.",
    "完全なモデルと {checks} 回比較：ダイバージェンス {kl} nats。",
  ],
  expected: [
    "divergence {kl} nats",
    "散度 {kl} nats",
    "divergencia {kl} nats",
    "Abweichung {kl} nats",
    "ダイバージェンス {kl} nats",
  ],
  nothing: [
    "This model has nothing that can be skipped token by token.",
    "此模型没有可逐词元跳过的部分。",
    "Este modelo no tiene nada que se pueda omitir token a token.",
    "Dieses Modell hat nichts, was je Token ausgelassen werden kann.",
    "このモデルにはトークンごとに省ける部分がありません。",
  ],
});

/** The speed that each mode reached on this page. */
const speeds = signal<Partial<Record<EpdpMode, number>>>({});

export function EnginePanel() {
  const state = modelState.value;
  return state.status === "ready" ? <Panel {...state} /> : <aside class="engine" aria-label={t.title} />;
}

function Panel({ info, model }: Ready) {
  const report = useSignal<EpdpReport | undefined>(undefined);
  useEffect(() => {
    const read = () =>
      void model.report().then(
        (found) => (report.value = found),
        () => {},
      );
    read();
    const timer = setInterval(read, 1000);
    return () => clearInterval(timer);
  }, [model]);
  const measured = pace.value?.tokensPerSecond;
  useEffect(() => {
    if (measured !== undefined && (pace.peek()?.tokens ?? 0) > 8)
      speeds.value = { ...speeds.peek(), [settings.peek().epdp]: measured };
  }, [measured]);
  return (
    <aside class="engine card stack" aria-label={t.title}>
      <div class="row engine-title">
        <h2>{t.title}</h2>
        <Speed />
      </div>
      <EpdpMap info={info} />
      <Modes report={report.value} info={info} model={model} />
      <Memory info={info} />
    </aside>
  );
}

function Speed() {
  const now = pace.value;
  const timings = lastTimings.value;
  return (
    <p class="speed figures">
      <strong>{fill(t.perSecond, { n: now ? number(now.tokensPerSecond, 1) : "–" })}</strong>
      {timings && timings.prefillTokensPerSecond > 0 && (
        <small>{fill(t.prefill, { n: number(timings.prefillTokensPerSecond) })}</small>
      )}
    </p>
  );
}

function Modes({ report, info, model }: Ready & { report: EpdpReport | undefined }) {
  const problem = useSignal<unknown>(undefined);
  const choose = async (mode: EpdpMode) => {
    const before = settings.peek().epdp;
    problem.value = undefined;
    change({ epdp: mode });
    try {
      await model.setEpdp(mode);
      restartPace();
    } catch (error) {
      change({ epdp: before });
      problem.value = error;
    }
  };
  if (info.kind !== "causal") return <small>{t.nothing}</small>;
  return (
    <fieldset class="modes">
      <legend>{t.pruning}</legend>
      {modes.map((mode) => (
        <label key={mode}>
          <input
            type="radio"
            name="epdp"
            value={mode}
            checked={settings.value.epdp === mode}
            onChange={() => void choose(mode)}
          />
          <span>{t[mode]}</span>
          <small class="figures">
            {[
              speeds.value[mode] !== undefined && fill(t.perSecond, { n: number(speeds.value[mode], 1) }),
              mode !== "off" && report?.costs && fill(t.expected, { kl: number(report.costs[mode].kl, 4) }),
            ]
              .filter(Boolean)
              .join(" · ")}
          </small>
        </label>
      ))}
      {report && <Saved report={report} />}
      <Problem error={problem.value} />
    </fieldset>
  );
}

function Saved({ report }: { report: EpdpReport }) {
  const { calibrated, mode, driftChecks, meanKl } = report;
  if (mode === "off") return null;
  if (!calibrated) return <small>{t.learning}</small>;
  if (!pace.value) return <small />; // until something has been answered, keeps the place
  const share = 100 * savedShare(report);
  return (
    <small class="figures">
      {share > 0.5 && fill(t.saved, { share: number(share) })}{" "}
      {driftChecks > 0 && meanKl !== null && fill(t.guard, { checks: driftChecks, kl: number(meanKl, 4) })}
    </small>
  );
}

function Memory({ info }: { info: ModelInfo }) {
  const { weightBytes, cacheBytes, totalBytes } = info.memoryPlan;
  const parts = [
    ["weights", weightBytes],
    ["cache", cacheBytes],
    ["other", totalBytes - weightBytes - cacheBytes],
  ] as const;
  return (
    <div class="field">
      <span>
        {t.memory} <span class="figures">{bytes(totalBytes)}</span>
      </span>
      <svg class="memory" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        {parts.map(([name, size], index) => {
          const before = parts.slice(0, index).reduce((sum, [, each]) => sum + each, 0);
          return (
            <rect
              key={name}
              class={name}
              x={(100 * before) / totalBytes}
              width={(100 * size) / totalBytes}
              height={4}
            />
          );
        })}
      </svg>
      <small class="figures">{parts.map(([name, size]) => fill(t[name], { size: bytes(size) })).join(" · ")}</small>
    </div>
  );
}
