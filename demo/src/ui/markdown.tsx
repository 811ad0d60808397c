// Markdown of a model's answer, which can be anything: the HTML is sanitized, and links open elsewhere.
import { signal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";

/** Undefined until its code has arrived. */
const renderer = signal<((text: string) => string) | undefined>(undefined);

void Promise.all([import("marked"), import("dompurify")]).then(([{ marked }, { default: purify }]) => {
  const allowed = { ALLOWED_URI_REGEXP: /^https?:/i, FORBID_TAGS: ["img", "style", "form", "input", "button"] };
  renderer.value = (text) => purify.sanitize(marked.parse(text, { async: false, breaks: true }), allowed);
});

export function Markdown({ text }: { text: string }) {
  const element = useRef<HTMLDivElement>(null);
  const render = renderer.value;
  useLayoutEffect(() => {
    const target = element.current;
    if (!render || !target) return;
    target.innerHTML = render(text);
    for (const link of target.querySelectorAll("a")) Object.assign(link, { target: "_blank", rel: "noreferrer" });
  }, [text, render]);
  return (
    <div ref={element} class="markdown">
      {!render && text}
    </div>
  );
}
