// The frame of the page: header, tabs, the model in use, and the tab that is open.
import { useSignal, useSignalEffect } from "@preact/signals";
import type { ComponentType } from "preact";

import { words } from "./i18n/words.js";
import { ModelBar } from "./model/model-bar.js";
import { change, settings, tabs, type Tab } from "./state/settings.js";
import { tabModules, tabNames } from "./tabs/tabs.js";
import { PageHeader } from "./ui/page-header.js";

const t = words({
  tagline: [
    "A language model on this computer's processor. Your text stays in this tab.",
    "在本机处理器上运行的语言模型。您的文字不会离开此标签页。",
    "Un modelo de lenguaje en el procesador de este equipo. Tu texto no sale de esta pestaña.",
    "Ein Sprachmodell auf dem Prozessor dieses Computers. Ihr Text bleibt in diesem Tab.",
    "このコンピューターのプロセッサで動く言語モデル。文章はこのタブの外に出ません。",
  ],
  numbers: ["Numbers", "数据", "Cifras", "Zahlen", "数値"],
  parts: ["Parts of this page", "页面功能", "Partes de esta página", "Teile dieser Seite", "このページの機能"],
});

export function App() {
  return (
    <>
      <PageHeader
        title={
          <>
            <img src="./icon.svg" alt="" width="28" height="28" />
            CamelGPT
          </>
        }
        about={t.tagline}
        link={{ href: "numbers.html", text: t.numbers }}
      />
      <nav class="tabs" aria-label={t.parts}>
        {tabs.map((tab) => (
          <a
            key={tab}
            href={`#${tab}`}
            aria-current={settings.value.tab === tab ? "page" : undefined}
            onClick={(event) => {
              event.preventDefault(); // keeps the other settings in the address
              change({ tab });
            }}
          >
            {tabNames[tab]}
          </a>
        ))}
      </nav>
      <ModelBar />
      <main>
        <OpenTab />
      </main>
    </>
  );
}

/** The tab that is open, once its code has arrived. */
function OpenTab() {
  const shown = useSignal<{ tab: Tab; Content: ComponentType } | undefined>(undefined);
  useSignalEffect(() => {
    const { tab } = settings.value;
    if (shown.peek()?.tab === tab) return;
    void tabModules[tab]().then(({ default: Content }) => {
      if (settings.peek().tab === tab) shown.value = { tab, Content };
    });
  });
  const { Content } = shown.value ?? {};
  return Content ? <Content /> : null;
}
