// A race: the same prompt with pruning off and on, side by side.
import type { EpdpMode } from "@gpt-research/camelgpt-inference";
import { useSignal } from "@preact/signals";
import { fill, number, words } from "../../i18n/words.js";
import type { Ready } from "../../state/model.js";
import { settings } from "../../state/settings.js";
import { Code, literal } from "../../ui/code.js";
import { TextArea } from "../../ui/fields.js";
import { NeedsModel, TaskForm, useTask } from "../../ui/task.js";
import "./race.css";

const t = words({
  why: [
    "The race needs a model that writes, such as smollm2-135m.",
    "竞速需要能写作的模型，例如 smollm2-135m。",
    "La carrera requiere un modelo que escriba, como smollm2-135m.",
    "Der Wettlauf braucht ein Modell, das schreibt, zum Beispiel smollm2-135m.",
    "レースには smollm2-135m のような文章を書くモデルが必要です。",
  ],
  about: [
    "The two answers take turns, 16 tokens at a time, so that both run on a processor of their own.",
    "两个回答轮流各写 16 个词元，因此都独占处理器。",
    "Las dos respuestas se turnan, 16 tokens cada vez, así que cada una tiene el procesador para sí.",
    "Die beiden Antworten wechseln sich alle 16 Token ab, sodass jede den Prozessor für sich hat.",
    "2 つの回答は 16 トークンずつ交代で書くため、どちらもプロセッサを独占できます。",
  ],
  prompt: ["Prompt", "提示", "Petición", "Eingabe", "プロンプト"],
  start: ["Start the race", "开始竞速", "Empezar la carrera", "Wettlauf starten", "レース開始"],
  off: ["Pruning off", "不剪枝", "Sin poda", "Ohne Pruning", "プルーニングなし"],
  on: [
    "Pruning on (balanced)",
    "剪枝（均衡）",
    "Con poda (equilibrada)",
    "Mit Pruning (ausgewogen)",
    "プルーニングあり（バランス）",
  ],
  speed: ["{n} tokens/s", "{n} 词元/秒", "{n} tokens/s", "{n} Token/s", "{n} トークン/秒"],
  won: [
    "Pruning was {n} × as fast.",
    "剪枝的速度是 {n} 倍。",
    "La poda fue {n} veces igual de rápida.",
    "Mit Pruning war es {n}-mal so schnell.",
    "プルーニングは {n} 倍の速さでした。",
  ],
  same: [
    "Both answers are the same.",
    "两个回答相同。",
    "Las dos respuestas son iguales.",
    "Beide Antworten sind gleich.",
    "2 つの回答は同じです。",
  ],
  differ: [
    "The answers differ.",
    "两个回答不同。",
    "Las respuestas difieren.",
    "Die Antworten sind verschieden.",
    "回答は異なります。",
  ],
  learning: [
    "This model is not calibrated yet: pruning learns in idle time what to leave out. Try again in half a minute.",
    "此模型尚未校准：剪枝会在空闲时学习可省略的部分。请半分钟后再试。",
    "Este modelo aún no está calibrado: la poda aprende en ratos libres. Prueba de nuevo en medio minuto.",
    "Dieses Modell ist noch nicht kalibriert: Es lernt in Pausen. Bitte in einer halben Minute erneut versuchen.",
    "このモデルはまだ調整されていません。空き時間に学習するので、30 秒後にもう一度お試しください。",
  ],
});

interface Lane {
  mode: EpdpMode;
  text: string;
  tokens: number;
  milliseconds: number;
}

const length = 96;
const turn = 16;

export default function RaceTab() {
  return (
    <NeedsModel name="smollm2-135m" fits={({ kind }) => kind === "causal"} why={t.why}>
      {(ready) => <Race {...ready} />}
    </NeedsModel>
  );
}

function Race({ model }: Ready) {
  const prompt = useSignal("The most important inventions of the last century are");
  const lanes = useSignal<readonly Lane[]>([]);
  const note = useSignal<string | undefined>(undefined);
  const task = useTask(async (signal) => {
    note.value = (await model.report()).calibrated ? undefined : t.learning;
    const race: Lane[] = (["off", "balanced"] as const).map((mode) => ({ mode, text: "", tokens: 0, milliseconds: 0 }));
    const ids = race.map(() => [] as number[]);
    const prefix = await model.tokenize(prompt.value, { signal });
    try {
      for (let done = 0; done < length && !signal.aborted; done += turn) {
        for (const [index, lane] of race.entries()) {
          await model.setEpdp(lane.mode);
          const options = { maxTokens: turn, temperature: 0, ignoreEos: true, signal };
          const stream = model.stream([...prefix, ...ids[index]!], options);
          for await (const piece of stream) {
            lane.text += piece;
            lanes.value = race.map((each) => ({ ...each }));
          }
          const { tokens, timings } = await stream;
          ids[index]!.push(...tokens);
          lane.tokens += tokens.length - 1;
          lane.milliseconds += timings.decodeMs;
          lanes.value = race.map((each) => ({ ...each }));
        }
      }
    } finally {
      await model.setEpdp(settings.peek().epdp);
    }
  });
  const [off, on] = lanes.value;
  const isDone = !task.isBusy.value && off && on && off.tokens > 0;
  return (
    <div class="stack">
      <TaskForm task={task} label={t.start}>
        <small>{t.about}</small>
        <TextArea label={t.prompt} value={prompt} rows={2} />
        {note.value && <p>{note.value}</p>}
      </TaskForm>
      <div class="lanes">
        {lanes.value.map((lane) => (
          <section class="card stack" key={lane.mode}>
            <h2>{lane.mode === "off" ? t.off : t.on}</h2>
            <strong class="figures">{lane.milliseconds > 0 && fill(t.speed, { n: number(speedOf(lane), 1) })}</strong>
            <progress max={length} value={lane.tokens} aria-label={lane.mode === "off" ? t.off : t.on} />
            <p class="plain-text">{lane.text}</p>
          </section>
        ))}
      </div>
      {isDone && (
        <p role="status">
          {fill(t.won, { n: number(speedOf(on) / speedOf(off), 2) })} {off.text === on.text ? t.same : t.differ}
        </p>
      )}
      <Code
        code={`const model = await CamelGPTInference.load(${literal(settings.value.model)}, { epdp: "balanced" });
for (const mode of ["off", "balanced"]) {
  await model.setEpdp(mode);
  const { text, timings } = await model.stream(${literal(prompt.value)}, { maxTokens: ${length} });
  console.log(mode, timings.decodeTokensPerSecond, text);
}
`}
      />
    </div>
  );
}

const speedOf = ({ tokens, milliseconds }: Lane) => (milliseconds > 0 ? (1000 * tokens) / milliseconds : 0);
