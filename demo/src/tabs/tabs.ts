// The tabs of the page. Each is loaded when it is first opened.
import type { ComponentType } from "preact";
import { type Row, words } from "../i18n/words.js";
import type { Tab } from "../state/settings.js";

const names: Record<Tab, Row> = {
  chat: ["Chat", "聊天", "Chat", "Chat", "チャット"],
  race: ["Race", "竞速", "Carrera", "Wettlauf", "レース"],
  gaps: ["Fill gaps", "填空", "Rellenar", "Lücken füllen", "穴埋め"],
  classify: ["Classify", "分类", "Clasificar", "Einordnen", "分類"],
  search: ["Search", "搜索", "Buscar", "Suchen", "検索"],
  json: ["JSON", "JSON", "JSON", "JSON", "JSON"],
  tools: ["Tools", "工具", "Herramientas", "Werkzeuge", "ツール"],
  tokens: ["Tokens", "词元", "Tokens", "Token", "トークン"],
};

export const tabNames = words(names);

type Module = Promise<{ default: ComponentType }>;

export const tabModules: Record<Tab, () => Module> = {
  chat: () => import("./chat/chat.js"),
  race: () => import("./race/race.js"),
  gaps: () => import("./gaps/gaps.js"),
  classify: () => import("./classify/classify.js"),
  search: () => import("./search/search.js"),
  json: () => import("./json/json.js"),
  tools: () => import("./tools/tools.js"),
  tokens: () => import("./tokens/tokens.js"),
};
