// Search by meaning: the sentences of a text, by how near their embeddings are to that of the question.
import { useSignal } from "@preact/signals";
import { number, words } from "../../i18n/words.js";
import type { Ready } from "../../state/model.js";
import { settings } from "../../state/settings.js";
import { Code, literal } from "../../ui/code.js";
import { TextArea, TextField } from "../../ui/fields.js";
import { NeedsModel, TaskForm, useTask } from "../../ui/task.js";
import "./search.css";

const t = words({
  text: ["Text to search", "要搜索的文本", "Texto en el que buscar", "Zu durchsuchender Text", "検索するテキスト"],
  question: ["What are you looking for?", "您要找什么？", "¿Qué buscas?", "Wonach suchen Sie?", "何を探しますか？"],
  search: ["Search", "搜索", "Buscar", "Suchen", "検索"],
  map: [
    "The text, darker where it is nearer",
    "文本：颜色越深越相近",
    "El texto, más oscuro donde más se parece",
    "Der Text, dunkler wo er näher ist",
    "本文（濃いほど近い）",
  ],
  hint: [
    "Best with an embedding model, such as all-minilm-l6-v2; any other model gives a rough order.",
    "用嵌入模型（如 all-minilm-l6-v2）效果最好；其他模型只给出粗略排序。",
    "Mejor con un modelo de embeddings, como all-minilm-l6-v2; otros dan un orden aproximado.",
    "Am besten mit einem Einbettungsmodell wie all-minilm-l6-v2; andere ordnen nur grob.",
    "all-minilm-l6-v2 などの埋め込みモデルが最適。他のモデルでは大まかな順位になります。",
  ],
});

const example = `A camel can drink a hundred litres in ten minutes. Our office opens at nine in the morning. \
Bread is baked in a hot oven. Deserts are cold at night. The train to Paris was cancelled. \
Invoices are paid within thirty days.`;

const sentencesOf = (text: string) =>
  text
    .match(/[^.!?。！？\n]+[.!?。！？]?/g)
    ?.map((each) => each.trim())
    .filter(Boolean) ?? [];

export default function SearchTab() {
  return <NeedsModel name={settings.value.model}>{(ready) => <Search {...ready} />}</NeedsModel>;
}

function Search({ model, info }: Ready) {
  const text = useSignal(example);
  const question = useSignal("When must a bill be settled?");
  const found = useSignal<readonly { sentence: string; score: number }[]>([]);
  const task = useTask(async (signal) => {
    const sentences = sentencesOf(text.value);
    const [wanted, ...vectors] = await model.embed([question.value, ...sentences], { signal });
    const scores = vectors.map((vector) => vector.reduce((sum, each, i) => sum + each * wanted![i]!, 0));
    found.value = sentences.map((sentence, index) => ({ sentence, score: scores[index]! }));
  });
  const scores = found.value.map(({ score }) => score);
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  const heat = (score: number) => (high > low ? (score - low) / (high - low) : 1);
  return (
    <div class="stack">
      <TaskForm task={task} label={t.search}>
        <TextArea label={t.text} value={text} rows={6} />
        <TextField label={t.question} value={question} />
        {info.kind !== "encoder" && <small>{t.hint}</small>}
      </TaskForm>
      {found.value.length > 0 && (
        <section class="card stack" aria-live="polite">
          <h2>{t.map}</h2>
          <p>
            {found.value.map(({ sentence, score }, index) => (
              <span key={index} class={`heat heat-${Math.round(4 * heat(score))}`}>
                {sentence}{" "}
              </span>
            ))}
          </p>
          <ol>
            {[...found.value]
              .sort((a, b) => b.score - a.score)
              .slice(0, 3)
              .map(({ sentence, score }) => (
                <li key={sentence}>
                  {sentence} <small class="figures">{number(score, 3)}</small>
                </li>
              ))}
          </ol>
        </section>
      )}
      <Code
        code={`const sentences = ${literal(sentencesOf(text.value).slice(0, 3))};
const [question, ...vectors] = await model.embed([${literal(question.value)}, ...sentences]);
const cosine = (vector) => vector.reduce((sum, each, i) => sum + each * question[i], 0);
console.log(sentences.map((sentence, i) => [cosine(vectors[i]), sentence]).sort().reverse());
`}
      />
    </div>
  );
}
