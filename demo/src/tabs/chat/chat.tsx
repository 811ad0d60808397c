// The conversation with the model, and beside it what the engine does.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { EnginePanel } from "../../engine/engine-panel.js";
import { prefill } from "../../engine/live.js";
import { fill, words } from "../../i18n/words.js";
import { loadModel, modelState } from "../../state/model.js";
import { settings } from "../../state/settings.js";
import { Code, literal } from "../../ui/code.js";
import { Problem } from "../../ui/problem.js";
import { clear, context, draft, messages, problem, send, stop } from "./conversation.js";
import { Message } from "./message.js";
import { SettingsPanel } from "./settings-panel.js";
import "./chat.css";

const t = words({
  message: ["Message", "消息", "Mensaje", "Nachricht", "メッセージ"],
  ask: ["Ask something …", "输入问题……", "Pregunta algo…", "Frage eingeben …", "質問を入力…"],
  send: ["Send", "发送", "Enviar", "Senden", "送信"],
  stop: ["Stop", "停止", "Parar", "Stopp", "停止"],
  clear: ["New conversation", "新对话", "Conversación nueva", "Neues Gespräch", "新しい会話"],
  conversation: ["Conversation", "对话", "Conversación", "Gespräch", "会話"],
  start: ["Try one of these:", "试试这些：", "Prueba con una de estas:", "Zum Beispiel:", "例えば："],
  reading: [
    "Reading the prompt: {done} of {total} tokens",
    "读取提示：{done} / {total} 词元",
    "Leyendo la petición: {done} de {total} tokens",
    "Liest die Frage: {done} von {total} Token",
    "プロンプトを読み込み中：{done} / {total} トークン",
  ],
  context: [
    "Context: {used} of {window} tokens",
    "上下文：{used} / {window} 词元",
    "Contexto: {used} de {window} tokens",
    "Kontext: {used} von {window} Token",
    "コンテキスト：{used} / {window} トークン",
  ],
});

const examples = [
  "Which ocean is the largest?",
  "Write a short poem about a camel.",
  "Explain in two sentences why the sky is blue.",
];

export default function Chat() {
  const state = modelState.value;
  const isBusy = draft.value !== undefined;
  const isEmpty = messages.value.length === 0 && !isBusy;
  return (
    <div class="chat">
      <div class="conversation-column">
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
        <section class="conversation" aria-label={t.conversation} tabIndex={0}>
          {messages.value.map((message, index) => (
            <Message
              key={`${index} ${message.role}`}
              message={message}
              index={index}
              isLast={!isBusy && index === messages.value.length - 1}
            />
          ))}
          {draft.value && <Message message={draft.value} index={messages.value.length} isLast={false} isDraft />}
          {isEmpty && <Examples />}
          {prefill.value && isBusy && draft.value?.content === "" && (
            <small class="quiet">{fill(t.reading, prefill.value)}</small>
          )}
          <Problem error={problem.value} />
          <End />
        </section>
        <Composer isBusy={isBusy} isReady={state.status === "ready"} />
        <div class="row under-composer">
          <SettingsPanel />
          {messages.value.length > 0 && (
            <button type="button" class="plain" onClick={clear}>
              {t.clear}
            </button>
          )}
          {context.value && <small class="quiet figures">{fill(t.context, context.value)}</small>}
        </div>
        <Code code={codeOf()} />
      </div>
      <EnginePanel />
    </div>
  );
}

function Examples() {
  return (
    <div class="stack examples">
      <p>{t.start}</p>
      <div class="row">
        {examples.map((text) => (
          <button key={text} type="button" lang="en" onClick={() => void ask(text)}>
            {text}
          </button>
        ))}
      </div>
    </div>
  );
}

/** Asks, after loading the chosen model if none is loaded. */
async function ask(text: string): Promise<void> {
  if (modelState.peek().status !== "ready") await loadModel(settings.peek().model);
  if (modelState.peek().status === "ready") await send(text);
}

/** Keeps the end of the conversation in view, unless the visitor has scrolled away from it. */
function End() {
  const element = useRef<HTMLDivElement>(null);
  const isFollowing = useRef(true);
  useEffect(() => {
    const observer = new IntersectionObserver(([entry]) => (isFollowing.current = entry?.isIntersecting ?? true));
    if (element.current) observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  const length = messages.value.length + (draft.value?.content.length ?? 0);
  useEffect(() => {
    if (isFollowing.current && length > 0) element.current?.scrollIntoView({ block: "nearest" });
  }, [length]);
  return <div ref={element} class="end" />;
}

function Composer({ isBusy, isReady }: { isBusy: boolean; isReady: boolean }) {
  const text = useSignal("");
  const submit = () => {
    const asked = text.value.trim();
    if (asked === "" || isBusy || !isReady) return;
    text.value = "";
    void send(asked);
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <label class="visually-hidden" for="message">
        {t.message}
      </label>
      <textarea
        id="message"
        rows={2}
        placeholder={t.ask}
        value={text.value}
        onInput={({ currentTarget }) => (text.value = currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          submit();
        }}
      />
      {isBusy ? (
        <button type="button" onClick={stop}>
          {t.stop}
        </button>
      ) : (
        <button type="submit" class="primary" disabled={!isReady || text.value.trim() === ""}>
          {t.send}
        </button>
      )}
    </form>
  );
}

function codeOf(): string {
  const { model, system, sampling } = settings.value;
  const asked = messages.value.findLast(({ role }) => role === "user")?.content ?? examples[0];
  const options = { ...(system !== "" && { system }), ...sampling };
  return `import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

const model = new CamelGPTInference(${literal(model)}, { epdp: ${literal(settings.value.epdp)} });
const chat = model.createChat(${literal(options)});
for await (const piece of chat.send(${literal(asked)})) console.log(piece);
`;
}
