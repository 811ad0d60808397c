import { useSignal } from "@preact/signals";
import { words } from "../i18n/words.js";

const t = words({
  copy: ["Copy", "复制", "Copiar", "Kopieren", "コピー"],
  copied: ["Copied", "已复制", "Copiado", "Kopiert", "コピーしました"],
});

export function CopyButton({ text, label }: { text: string; label?: string }) {
  const isCopied = useSignal(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    isCopied.value = true;
    setTimeout(() => (isCopied.value = false), 2000);
  };
  return (
    <button type="button" class="plain" onClick={() => void copy()}>
      <span aria-live="polite">{isCopied.value ? t.copied : (label ?? t.copy)}</span>
    </button>
  );
}
