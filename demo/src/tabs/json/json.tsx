// An answer that is JSON by a schema: it cannot be malformed, and its object fills in while it is written.
import type { JsonSchema } from "@gpt-research/camelgpt-inference";
import { useSignal } from "@preact/signals";
import { words } from "../../i18n/words.js";
import type { Ready } from "../../state/model.js";
import { Code, literal } from "../../ui/code.js";
import { TextArea } from "../../ui/fields.js";
import { NeedsModel, TaskForm, useTask } from "../../ui/task.js";

const t = words({
  why: [
    "An answer as JSON needs a model that writes, not a masked model or an encoder.",
    "JSON 回答需要能写作的模型，而不是掩码模型或编码器。",
    "Una respuesta JSON requiere un modelo que escriba, no uno enmascarado ni un codificador.",
    "Eine Antwort als JSON braucht ein Modell, das schreibt, kein maskiertes und keinen Encoder.",
    "JSON の回答には、マスク付きやエンコーダーでなく、文章を書くモデルが必要です。",
  ],
  text: ["Text", "文本", "Texto", "Text", "テキスト"],
  schema: ["JSON schema", "JSON Schema", "Esquema JSON", "JSON-Schema", "JSON スキーマ"],
  extract: ["Extract", "提取", "Extraer", "Auslesen", "抽出"],
  object: ["Object", "对象", "Objeto", "Objekt", "オブジェクト"],
});

const exampleSchema = {
  type: "object",
  properties: {
    customer: { type: "string", maxLength: 40 },
    city: { type: "string", maxLength: 40 },
    product: { type: "string", maxLength: 40 },
    quantity: { type: "integer", minimum: 1, maximum: 100 },
    urgent: { type: "boolean" },
  },
  required: ["customer", "city", "product", "quantity", "urgent"],
  additionalProperties: false,
};

export default function JsonTab() {
  return (
    <NeedsModel name="smollm2-135m" fits={({ kind }) => kind === "causal"} why={t.why}>
      {(ready) => <Extract {...ready} />}
    </NeedsModel>
  );
}

function Extract({ model }: Ready) {
  const text = useSignal("Maria Lopez from Lisbon orders twelve camel saddles and needs them by tomorrow.");
  const schema = useSignal(JSON.stringify(exampleSchema, null, 2));
  const object = useSignal<unknown>(undefined);
  const task = useTask(async (signal) => {
    object.value = undefined;
    const stream = model.chat([{ role: "user", content: promptOf(text.value) }], {
      responseFormat: { type: "json", schema: JSON.parse(schema.value) as JsonSchema },
      temperature: 0,
      signal,
    });
    for await (const partial of stream.objectStream()) object.value = partial;
    const { objectError } = await stream;
    if (objectError) throw objectError;
  });
  return (
    <div class="stack">
      <TaskForm task={task} label={t.extract}>
        <TextArea label={t.text} value={text} rows={3} />
        <TextArea label={t.schema} value={schema} rows={10} />
      </TaskForm>
      {object.value !== undefined && (
        <section class="card stack" aria-busy={task.isBusy.value}>
          <h2>{t.object}</h2>
          <pre>{JSON.stringify(object.value, null, 2)}</pre>
        </section>
      )}
      <Code
        code={`const schema = ${schema.value};
const { object } = await model.chat([{ role: "user", content: ${literal(promptOf(text.value))} }], {
  responseFormat: { type: "json", schema },
  temperature: 0,
});
console.log(object);
`}
      />
    </div>
  );
}

const promptOf = (text: string) => `Extract the data from this text as JSON.\n\n${text}`;
