// One message of the conversation, and what can be done with it.
import { useSignal } from "@preact/signals";
import { fill, number, words } from "../../i18n/words.js";
import { CopyButton } from "../../ui/copy-button.js";
import { Markdown } from "../../ui/markdown.js";
import { edit, retry, type Shown } from "./conversation.js";
import { Tokens } from "./tokens.js";

const t = words({
  you: ["You", "您", "Tú", "Sie", "あなた"],
  model: ["Model", "模型", "Modelo", "Modell", "モデル"],
  edit: ["Edit", "编辑", "Editar", "Bearbeiten", "編集"],
  save: ["Send again", "重新发送", "Enviar de nuevo", "Erneut senden", "再送信"],
  cancel: ["Cancel", "取消", "Cancelar", "Abbrechen", "キャンセル"],
  retry: ["Another answer", "换个回答", "Otra respuesta", "Andere Antwort", "別の回答"],
  reasoning: ["Reasoning", "推理过程", "Razonamiento", "Überlegung", "推論"],
  facts: [
    "{tokens} tokens · {speed} tokens/s · {seconds} s",
    "{tokens} 词元 · {speed} 词元/秒 · {seconds} 秒",
    "{tokens} tokens · {speed} tokens/s · {seconds} s",
    "{tokens} Token · {speed} Token/s · {seconds} s",
    "{tokens} トークン · {speed} トークン/秒 · {seconds} 秒",
  ],
  saved: [
    "{share} % left out by pruning",
    "剪枝省去 {share} %",
    "la poda omitió el {share} %",
    "{share} % durch Pruning ausgelassen",
    "プルーニングで {share} % 省略",
  ],
});

interface Props {
  message: Shown;
  index: number;
  isLast: boolean;
  isDraft?: boolean;
}

export function Message({ message, index, isLast, isDraft = false }: Props) {
  const isEditing = useSignal(false);
  const { role, content, reasoning, facts, tokens } = message;
  return (
    <article class={`message ${role}`} aria-busy={isDraft}>
      <h2 class="visually-hidden">{role === "user" ? t.you : t.model}</h2>
      {reasoning && (
        <details open={isDraft}>
          <summary>{t.reasoning}</summary>
          <p class="plain-text">{reasoning}</p>
        </details>
      )}
      {isEditing.value ? (
        <Edit content={content} index={index} close={() => (isEditing.value = false)} />
      ) : role === "user" ? (
        <p class="plain-text">{content}</p>
      ) : tokens ? (
        <Tokens tokens={tokens} />
      ) : content === "" && isDraft ? (
        <p class="waiting">…</p>
      ) : (
        <Markdown text={content} />
      )}
      {!isDraft && !isEditing.value && (
        <footer class="row">
          {facts && (
            <small class="figures">
              {fill(t.facts, {
                tokens: facts.tokens,
                speed: number(facts.tokensPerSecond, 1),
                seconds: number(facts.seconds, 1),
              })}
              {facts.saved > 0.005 && ` · ${fill(t.saved, { share: number(100 * facts.saved) })}`}
            </small>
          )}
          <CopyButton text={content} />
          {role === "user" && (
            <button type="button" class="plain" onClick={() => (isEditing.value = true)}>
              {t.edit}
            </button>
          )}
          {isLast && (
            <button type="button" class="plain" onClick={() => void retry()}>
              {t.retry}
            </button>
          )}
        </footer>
      )}
    </article>
  );
}

function Edit({ content, index, close }: { content: string; index: number; close: () => void }) {
  const text = useSignal(content);
  return (
    <form
      class="field"
      onSubmit={(event) => {
        event.preventDefault();
        close();
        void edit(index, text.value);
      }}
    >
      <textarea
        aria-label={t.edit}
        rows={3}
        value={text.value}
        onInput={({ currentTarget }) => (text.value = currentTarget.value)}
      />
      <div class="row">
        <button type="submit" class="primary" disabled={text.value.trim() === ""}>
          {t.save}
        </button>
        <button type="button" onClick={close}>
          {t.cancel}
        </button>
      </div>
    </form>
  );
}
