// A modal dialog with a title, which the browser's own element makes accessible.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { words } from "../i18n/words.js";

const t = words({ close: ["Close", "关闭", "Cerrar", "Schließen", "閉じる"] });

interface Props {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}

export function Dialog({ title, onClose, children }: Props) {
  const element = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    element.current?.showModal();
  }, []);
  return (
    <dialog ref={element} class="stack" aria-labelledby={titleId} onClose={onClose}>
      <div class="row dialog-title">
        <h2 id={titleId}>{title}</h2>
        <button type="button" class="plain" onClick={() => element.current?.close()}>
          {t.close}
        </button>
      </div>
      {children}
    </dialog>
  );
}
