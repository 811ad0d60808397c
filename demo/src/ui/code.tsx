// "Copy this as code": the program that does what the visitor has just done.
import { words } from "../i18n/words.js";
import { CopyButton } from "./copy-button.js";

const t = words({
  title: ["This as code", "转为代码", "Como código", "Als Code", "コードで見る"],
});

export function Code({ code }: { code: string }) {
  return (
    <details class="code">
      <summary>{t.title}</summary>
      <div class="row">
        <CopyButton text={code} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <pre tabIndex={0}>
        <code>{code}</code>
      </pre>
    </details>
  );
}

/** A value as a JavaScript literal. */
export function literal(value: unknown, indent = 0): string {
  const text = JSON.stringify(value, null, 2) ?? "undefined";
  const named = text.replace(/^(\s*)"([A-Za-z_$][\w$]*)":/gm, "$1$2:");
  return named.replaceAll("\n", `\n${" ".repeat(indent)}`);
}
