// Tools: the model calls functions of this page, and answers with their results.
import type { AnswerPart, Tool } from "@gpt-research/camelgpt-inference";
import { useSignal } from "@preact/signals";
import { fill, words } from "../../i18n/words.js";
import type { Ready } from "../../state/model.js";
import { Code, literal } from "../../ui/code.js";
import { TextArea } from "../../ui/fields.js";
import { NeedsModel, TaskForm, useTask } from "../../ui/task.js";

const t = words({
  why: [
    "Tools need a model that writes, such as smollm2-135m.",
    "工具需要能写作的模型，例如 smollm2-135m。",
    "Las herramientas requieren un modelo que escriba, como smollm2-135m.",
    "Werkzeuge brauchen ein Modell, das schreibt, zum Beispiel smollm2-135m.",
    "ツールには smollm2-135m のような文章を書くモデルが必要です。",
  ],
  question: ["Question", "问题", "Pregunta", "Frage", "質問"],
  available: [
    "The page has two tools: add, which adds two numbers, and clock, which tells the time of this computer.",
    "页面有两个工具：add（两数相加）和 clock（本机时间）。",
    "La página tiene dos herramientas: add, que suma dos números, y clock, que da la hora de este equipo.",
    "Die Seite hat zwei Werkzeuge: add addiert zwei Zahlen, clock nennt die Uhrzeit dieses Computers.",
    "このページのツールは 2 つ：add（足し算）と clock（このコンピューターの時刻）。",
  ],
  force: [
    "The model must call a tool",
    "模型必须调用工具",
    "El modelo debe llamar a una herramienta",
    "Das Modell muss ein Werkzeug aufrufen",
    "必ずツールを呼び出す",
  ],
  ask: ["Ask", "提问", "Preguntar", "Fragen", "質問する"],
  call: ["calls {name}", "调用 {name}", "llama a {name}", "ruft {name} auf", "{name} を呼び出し"],
  result: ["{name} returned", "{name} 返回", "{name} devolvió", "{name} ergab", "{name} の結果"],
});

const tools: Tool[] = [
  {
    name: "add",
    description: "Adds two numbers.",
    parameters: {
      type: "object",
      properties: { a: { type: "number" }, b: { type: "number" } },
      required: ["a", "b"],
      additionalProperties: false,
    },
    execute: (input) => {
      const { a, b } = input as { a: number; b: number };
      return a + b;
    },
  },
  {
    name: "clock",
    description: "Tells the present time.",
    execute: () => new Date().toLocaleTimeString("en"),
  },
];

export default function ToolsTab() {
  return (
    <NeedsModel name="smollm2-135m" fits={({ kind }) => kind === "causal"} why={t.why}>
      {(ready) => <Ask {...ready} />}
    </NeedsModel>
  );
}

function Ask({ model }: Ready) {
  const question = useSignal("What is 1234 plus 4321?");
  const isForced = useSignal(true);
  const parts = useSignal<readonly AnswerPart[]>([]);
  const task = useTask(async (signal) => {
    parts.value = [];
    const stream = model.chat([{ role: "user", content: question.value }], {
      tools,
      toolChoice: isForced.value ? "required" : "auto",
      temperature: 0,
      maxTokens: 128,
      signal,
    });
    for await (const part of stream.parts()) parts.value = joined(parts.value, part);
  });
  return (
    <div class="stack">
      <TaskForm task={task} label={t.ask}>
        <small>{t.available}</small>
        <TextArea label={t.question} value={question} rows={2} />
        <label class="row">
          <input
            type="checkbox"
            checked={isForced.value}
            onChange={({ currentTarget }) => {
              isForced.value = currentTarget.checked;
            }}
          />
          {t.force}
        </label>
      </TaskForm>
      <ol class="stack steps" aria-live="polite">
        {parts.value.map((part, index) => (
          <li class="card" key={index}>
            <Part part={part} />
          </li>
        ))}
      </ol>
      <Code
        code={`const tools = [{
  name: "add",
  description: "Adds two numbers.",
  parameters: ${literal(tools[0]!.parameters, 2)},
  execute: ({ a, b }) => a + b,
}];
const answer = await model.chat([{ role: "user", content: ${literal(question.value)} }], {
  tools,
  toolChoice: ${literal(isForced.value ? "required" : "auto")},
});
console.log(answer.steps, answer.text);
`}
      />
    </div>
  );
}

function Part({ part }: { part: AnswerPart }) {
  if (part.type === "tool-call") {
    const { name, argumentsText } = part.toolCall;
    return (
      <p>
        {fill(t.call, { name })} <code>{argumentsText}</code>
      </p>
    );
  }
  if (part.type === "tool-result") {
    const { name, result } = part.toolResult;
    return (
      <p>
        {fill(t.result, { name })} <code>{JSON.stringify(result)}</code>
      </p>
    );
  }
  return <p class="plain-text">{part.text}</p>;
}

/** Adds a part; pieces of a text are joined. */
function joined(parts: readonly AnswerPart[], part: AnswerPart): AnswerPart[] {
  const last = parts.at(-1);
  if (last?.type !== "text" || part.type !== "text") return [...parts, part];
  return [...parts.slice(0, -1), { type: "text", text: last.text + part.text }];
}
