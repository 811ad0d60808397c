// The tokenizer: the pieces that the model reads instead of words.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { fill, number, words } from "../../i18n/words.js";
import type { Ready } from "../../state/model.js";
import { settings } from "../../state/settings.js";
import { Code, literal } from "../../ui/code.js";
import { TextArea } from "../../ui/fields.js";
import { Problem } from "../../ui/problem.js";
import { NeedsModel } from "../../ui/task.js";
import "./tokens.css";

const t = words({
  text: ["Text", "文本", "Texto", "Text", "テキスト"],
  count: [
    "{tokens} tokens, {characters} characters, {bytes} bytes",
    "{tokens} 词元，{characters} 字符，{bytes} 字节",
    "{tokens} tokens, {characters} caracteres, {bytes} bytes",
    "{tokens} Token, {characters} Zeichen, {bytes} Bytes",
    "{tokens} トークン、{characters} 文字、{bytes} バイト",
  ],
  tokens: ["Tokens", "词元", "Tokens", "Token", "トークン"],
});

export default function TokensTab() {
  return <NeedsModel name={settings.value.model}>{(ready) => <Tokens {...ready} />}</NeedsModel>;
}

function Tokens({ model }: Ready) {
  const text = useSignal("Language models read tokens: unbelievable, 12,345, 🐫, 骆驼.");
  const found = useSignal<{ ids: number[]; pieces: string[] }>({ ids: [], pieces: [] });
  const problem = useSignal<unknown>(undefined);
  useEffect(() => {
    const abort = new AbortController();
    const { signal } = abort;
    const read = async () => {
      const ids = await model.tokenize(text.value, { addSpecial: false, signal });
      found.value = { ids, pieces: await model.pieces(ids, { signal }) };
      problem.value = undefined;
    };
    read().catch((error: unknown) => {
      if (!signal.aborted) problem.value = error;
    });
    return () => abort.abort();
  }, [text.value, model]);
  const { ids, pieces } = found.value;
  return (
    <div class="stack">
      <div class="card stack">
        <TextArea label={t.text} value={text} />
        <small class="figures" aria-live="polite">
          {fill(t.count, {
            tokens: number(ids.length),
            characters: number([...text.value].length),
            bytes: number(new TextEncoder().encode(text.value).length),
          })}
        </small>
        <Problem error={problem.value} />
      </div>
      <ol class="pieces" aria-label={t.tokens}>
        {pieces.map((piece, index) => (
          <li key={index}>
            <code>{piece.replaceAll(" ", "␣").replaceAll("\n", "⏎")}</code>
            <small class="figures">{ids[index]}</small>
          </li>
        ))}
      </ol>
      <Code
        code={`const ids = await model.tokenize(${literal(text.value)}, { addSpecial: false });
const pieces = await model.pieces(ids);
`}
      />
    </div>
  );
}
