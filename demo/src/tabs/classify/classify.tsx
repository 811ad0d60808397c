// Classification: which of some labels fits each text.
import type { Classification } from "@gpt-research/camelgpt-inference";
import { useSignal } from "@preact/signals";
import { words } from "../../i18n/words.js";
import type { Ready } from "../../state/model.js";
import { settings } from "../../state/settings.js";
import { Bars } from "../../ui/bars.js";
import { Code, literal } from "../../ui/code.js";
import { TextArea, TextField } from "../../ui/fields.js";
import { NeedsModel, TaskForm, useTask } from "../../ui/task.js";

const t = words({
  texts: [
    "Texts, one a line",
    "文本，每行一条",
    "Textos, uno por línea",
    "Texte, einer je Zeile",
    "テキスト（1 行に 1 つ）",
  ],
  labels: [
    "Labels, separated by commas",
    "标签，用逗号分隔",
    "Etiquetas, separadas por comas",
    "Kategorien, durch Kommas getrennt",
    "ラベル（カンマ区切り）",
  ],
  classify: ["Classify", "分类", "Clasificar", "Einordnen", "分類する"],
});

const splitLines = (text: string) =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
const splitLabels = (text: string) =>
  text
    .split(/[,，、]/)
    .map((label) => label.trim())
    .filter(Boolean);

export default function ClassifyTab() {
  return <NeedsModel name={settings.value.model}>{(ready) => <Classify {...ready} />}</NeedsModel>;
}

function Classify({ model }: Ready) {
  const texts = useSignal("The package arrived two weeks late and the box was open.\nA warm and funny story.");
  const labels = useSignal("complaint, praise, question");
  const results = useSignal<readonly { text: string; found: Classification }[]>([]);
  const task = useTask(async (signal) => {
    const lines = splitLines(texts.value);
    const found = await model.classify(lines, { labels: splitLabels(labels.value), signal });
    results.value = found.map((each, index) => ({ text: lines[index]!, found: each }));
  });
  return (
    <div class="stack">
      <TaskForm task={task} label={t.classify}>
        <TextArea label={t.texts} value={texts} />
        <TextField label={t.labels} value={labels} />
      </TaskForm>
      <div class="stack" aria-live="polite">
        {results.value.map(({ text, found }) => (
          <section class="card stack" key={text}>
            <h2>{found.label}</h2>
            <p class="quiet">{text}</p>
            <Bars values={found.candidates} label={text} />
          </section>
        ))}
      </div>
      <Code
        code={`const found = await model.classify(${literal(splitLines(texts.value))}, {
  labels: ${literal(splitLabels(labels.value))},
});
console.log(found.map(({ label }) => label));
`}
      />
    </div>
  );
}
