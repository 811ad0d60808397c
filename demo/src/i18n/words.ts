// The languages of the page. Each room of the page has its words in a table with one column for each language.
import { effect, signal } from "@preact/signals";

export const languages = ["en", "zh", "es", "de", "ja"] as const;
export type Language = (typeof languages)[number];

/** The languages' own names, for the menu. */
export const languageNames: Record<Language, string> = {
  en: "English",
  zh: "中文",
  es: "Español",
  de: "Deutsch",
  ja: "日本語",
};

/** One text in all languages, in the order of `languages`. */
export type Row = readonly [en: string, zh: string, es: string, de: string, ja: string];

const storageKey = "language";
const isLanguage = (text: string | null | undefined): text is Language => languages.includes(text as Language);

function preferred(): Language {
  const stored = localStorage.getItem(storageKey);
  if (isLanguage(stored)) return stored;
  return navigator.languages.map((each) => each.slice(0, 2).toLowerCase()).find(isLanguage) ?? "en";
}

/** The language in use. Components that read words are drawn again when it changes. */
export const language = signal<Language>(preferred());

effect(() => {
  document.documentElement.lang = language.value;
});

export function chooseLanguage(chosen: Language): void {
  localStorage.setItem(storageKey, chosen);
  language.value = chosen;
}

/**
 * Makes an object whose properties are the texts in the language in use.
 *
 * ```ts
 * const t = words({ send: ["Send", "发送", "Enviar", "Senden", "送信"] });
 * <button>{t.send}</button>
 * ```
 */
export function words<K extends string>(table: Readonly<Record<K, Row>>): Readonly<Record<K, string>> {
  const texts = {} as Record<K, string>;
  for (const key of Object.keys(table) as K[])
    Object.defineProperty(texts, key, {
      enumerable: true,
      get: () => table[key][languages.indexOf(language.value)],
    });
  return texts;
}

/** Replaces `{name}` in a text by a value. */
export function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** A number with the digits and separators of the language in use. */
export function number(value: number, maximumFractionDigits = 0): string {
  return value.toLocaleString(language.value, { maximumFractionDigits });
}

/** Bytes as MB or GB (powers of ten). */
export function bytes(value: number): string {
  const [scaled, unit] = value < 1e6 ? [value / 1e3, "KB"] : value < 1e9 ? [value / 1e6, "MB"] : [value / 1e9, "GB"];
  return `${number(scaled, scaled < 10 ? 1 : 0)} ${unit}`;
}
