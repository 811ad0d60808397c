// The visitor's settings: kept for the next visit, and in the page's address, so that they can be shared.
import type { EpdpMode } from "@gpt-research/camelgpt-inference";
import { effect, signal } from "@preact/signals";

/** The tabs of the page, in the order of the menu. */
export const tabs = ["chat", "race", "gaps", "classify", "search", "json", "tools", "tokens"] as const;
export type Tab = (typeof tabs)[number];

export interface Settings {
  tab: Tab;
  /** A name of the catalogue, or an address; a file that was dropped is not kept. */
  model: string;
  system: string;
  /** Options of answers that differ from the model's defaults. */
  sampling: Readonly<Record<string, number | boolean | string>>;
  epdp: EpdpMode;
  /** Whether answers show the probable alternatives of each token. */
  alternatives: boolean;
}

export const modes: readonly EpdpMode[] = ["off", "exact", "balanced", "aggressive"];

const defaults: Settings = {
  tab: "chat",
  model: "smollm2-135m",
  system: "",
  sampling: {},
  epdp: "balanced",
  alternatives: false,
};
const storageKey = "settings";

export const settings = signal<Settings>(initial());

export function change(changes: Partial<Settings>): void {
  settings.value = { ...settings.value, ...changes };
}

/** The address of the page with these settings. */
export function linkTo({ tab, ...rest }: Settings): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(rest)) {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    const ordinary = defaults[name as keyof typeof rest];
    if (text !== (typeof ordinary === "string" ? ordinary : JSON.stringify(ordinary))) query.set(name, text);
  }
  const parameters = query.size > 0 ? `?${query}` : "";
  return `${location.origin}${location.pathname}#${tab}${parameters}`;
}

/** Settings of a shared link, without what it gets wrong. */
function readLink(hash: string): Partial<Settings> {
  const [tab = "", parameters = ""] = hash.slice(1).split(/\?(.*)/s);
  const given: Record<string, unknown> = Object.fromEntries(new URLSearchParams(parameters));
  for (const name of ["sampling", "alternatives"] as const) {
    if (typeof given[name] === "string") given[name] = parse(given[name] as string);
  }
  return known({ ...given, tab });
}

function known(given: Readonly<Record<string, unknown>>): Partial<Settings> {
  const { tab, model, system, sampling, epdp, alternatives } = given;
  return {
    ...(tabs.includes(tab as Tab) && { tab: tab as Tab }),
    ...(typeof model === "string" && model !== "" && { model }),
    ...(typeof system === "string" && { system }),
    ...(typeof sampling === "object" && sampling !== null && { sampling: sampling as Settings["sampling"] }),
    ...(modes.includes(epdp as EpdpMode) && { epdp: epdp as EpdpMode }),
    ...(typeof alternatives === "boolean" && { alternatives }),
  };
}

function parse(text: string | null): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
}

function initial(): Settings {
  const stored = parse(localStorage.getItem(storageKey));
  return { ...defaults, ...known((stored ?? {}) as Record<string, unknown>), ...readLink(location.hash) };
}

effect(() => {
  localStorage.setItem(storageKey, JSON.stringify(settings.value));
  history.replaceState(null, "", linkTo(settings.value));
});
addEventListener("hashchange", () => change(readLink(location.hash)));
