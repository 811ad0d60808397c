// The top of every page: its title, one sentence, links, and the choice of the language.
import type { ComponentChildren } from "preact";
import { chooseLanguage, language, languageNames, languages, words } from "../i18n/words.js";

const t = words({
  docs: ["Documentation", "文档", "Documentación", "Dokumentation", "ドキュメント"],
  language: ["Language", "语言", "Idioma", "Sprache", "言語"],
});

interface Props {
  title: ComponentChildren;
  about: string;
  /** Another page. */
  link: { href: string; text: string };
}

export function PageHeader({ title, about, link }: Props) {
  return (
    <header class="page-header">
      <div>
        <h1>{title}</h1>
        <p>{about}</p>
      </div>
      <div class="page-links">
        <a href={link.href}>{link.text}</a>
        <a href="../docs/">{t.docs}</a>
        <select
          aria-label={t.language}
          value={language.value}
          onChange={({ currentTarget }) => chooseLanguage(currentTarget.value as typeof language.value)}
        >
          {languages.map((each) => (
            <option key={each} value={each} lang={each}>
              {languageNames[each]}
            </option>
          ))}
        </select>
      </div>
    </header>
  );
}
