// A masked language model fills gaps in steps: in each step the gaps that it is surest of.
import type { Candidate } from "@gpt-research/camelgpt-inference";
import { useSignal } from "@preact/signals";
import { fill, words } from "../../i18n/words.js";
import type { Ready } from "../../state/model.js";
import { Bars } from "../../ui/bars.js";
import { Code, literal } from "../../ui/code.js";
import { TextArea } from "../../ui/fields.js";
import { NeedsModel, TaskForm, useTask } from "../../ui/task.js";

const t = words({
  why: [
    "Filling gaps needs a masked model, such as the CamelGPT-mini in the package.",
    "填空需要掩码模型，例如包内的 CamelGPT-mini。",
    "Rellenar huecos requiere un modelo enmascarado, como CamelGPT-mini, que está en el paquete.",
    "Lücken füllt ein maskiertes Modell, zum Beispiel CamelGPT-mini aus dem Paket.",
    "穴埋めにはマスク付きモデル（例：パッケージ内の CamelGPT-mini）が必要です。",
  ],
  text: [
    "Text with gaps, each written [MASK]",
    "含空白的文本，空白写作 [MASK]",
    "Texto con huecos, escritos [MASK]",
    "Text mit Lücken, geschrieben [MASK]",
    "空白を [MASK] と書いたテキスト",
  ],
  fill: ["Fill the gaps", "填空", "Rellenar", "Lücken füllen", "穴埋めする"],
  step: ["Step {n}", "第 {n} 步", "Paso {n}", "Schritt {n}", "ステップ {n}"],
  first: [
    "Candidates of each gap at the beginning",
    "开始时每个空白的候选",
    "Candidatos de cada hueco al principio",
    "Anfangs die Kandidaten jeder Lücke",
    "最初の候補",
  ],
  gap: ["Gap {n}", "空白 {n}", "Hueco {n}", "Lücke {n}", "空白 {n}"],
});

const mask = "[MASK]";
const steps = 3;

export default function GapsTab() {
  return (
    <NeedsModel name="camelgpt-mini" fits={({ maskToken }) => maskToken !== null} why={t.why}>
      {(ready) => <Gaps {...ready} />}
    </NeedsModel>
  );
}

function Gaps({ model }: Ready) {
  const text = useSignal("a man in a [MASK] shirt is [MASK] on the [MASK]");
  const shown = useSignal<readonly (readonly Part[])[]>([]);
  const candidates = useSignal<readonly (readonly Candidate[])[]>([]);
  const task = useTask(async (signal) => {
    shown.value = candidates.value = [];
    let parts = split(text.value);
    for (let step = 1; step <= steps && parts.some(isGap); step++) {
      const { masks } = await model.fillMask(textOf(parts), { signal });
      if (step === 1) candidates.value = masks;
      parts = fillSurest(parts, masks, Math.ceil(parts.filter(isGap).length / (steps - step + 1)), step);
      shown.value = [...shown.value, parts];
    }
  });
  return (
    <div class="stack">
      <TaskForm task={task} label={t.fill}>
        <TextArea label={t.text} value={text} rows={2} />
      </TaskForm>
      <ol class="stack filled" aria-live="polite">
        {shown.value.map((parts, index) => (
          <li class="card" key={index}>
            <small>{fill(t.step, { n: index + 1 })}</small>
            <p>
              {parts.map((part, place) => (
                <Shown key={place} part={part} isNew={part.step === index + 1} />
              ))}
            </p>
          </li>
        ))}
      </ol>
      {candidates.value.length > 0 && (
        <section class="card stack">
          <h2>{t.first}</h2>
          {candidates.value.map((each, index) => (
            <Bars key={index} values={each} label={fill(t.gap, { n: index + 1 })} />
          ))}
        </section>
      )}
      <Code
        code={`const { text, masks } = await model.fillMask(${literal(text.value)}, { steps: ${steps} });
console.log(text, masks[0]);
`}
      />
    </div>
  );
}

/** A piece of the text, or a gap. */
interface Part {
  text: string;
  /** The step that filled this gap; 0: it is still a gap. Missing for the text between gaps. */
  step?: number;
}

const isGap = ({ step }: Part) => step === 0;

const Shown = ({ part, isNew }: { part: Part; isNew: boolean }) =>
  part.step === undefined ? <span>{part.text}</span> : isNew ? <mark>{part.text}</mark> : <strong>{part.text}</strong>;

const split = (text: string): Part[] =>
  text.split(mask).flatMap((piece, index) => [...(index > 0 ? [{ text: mask, step: 0 }] : []), { text: piece }]);

const textOf = (parts: readonly Part[]) => parts.map(({ text }) => text).join("");

/** Fills the `count` gaps whose best candidates are the most probable. */
function fillSurest(parts: readonly Part[], masks: readonly (readonly Candidate[])[], count: number, step: number) {
  const best = masks.map(([first]) => first!);
  const order = best.map((_, gap) => gap).sort((a, b) => best[b]!.probability - best[a]!.probability);
  const chosen = new Set(order.slice(0, count));
  let gap = 0;
  return parts.map((part) => {
    if (!isGap(part)) return part;
    const index = gap++;
    return chosen.has(index) ? { text: best[index]!.text.trim(), step } : part;
  });
}
