// A chat session ↔ bytes: its messages and tokens, and the state of the cache. docs/formats.md describes them.
import { CamelGPTError } from "../../../web/errors.js";
import type { ChatMessage } from "../../../web/text/messages.js";
import type { ModelInfo } from "../../../web/types.js";
import { isRecord, wrongKind } from "../check-options.js";
import type { ModelConnection } from "../model-connection.js";
import { checkMessages } from "./check-messages.js";
import { inTurn } from "./in-turn.js";
import { entryOf, runOf } from "./kept-tokens.js";
import { type ChatSessionOptions, type ChatState, type Entry, newState } from "./session-state.js";

const magic = "CGCH";
const version = 1;
const headBytes = 12;
/** Bytes of a saved state before its token ids. */
const stateHeadBytes = 40;

interface SavedChat {
  model: string;
  entries: readonly Entry[];
  tokens: readonly number[];
}

export function saveChat(state: ChatState, signal: AbortSignal | undefined): Promise<Uint8Array> {
  return inTurn(state, signal, async () => {
    const { info } = await state.model.loaded();
    const { entries, tokens } = state;
    const saved: SavedChat = { model: identityOf(info), entries, tokens };
    const json = new TextEncoder().encode(JSON.stringify(saved));
    const cache = await stateOf(state, signal);
    const bytes = new Uint8Array(headBytes + json.length + cache.length);
    const head = new DataView(bytes.buffer);
    bytes.set(new TextEncoder().encode(magic));
    head.setUint32(4, version, true);
    head.setUint32(8, json.length, true);
    bytes.set(json, headBytes);
    bytes.set(cache, headBytes + json.length);
    return bytes;
  });
}

/** The state of the cache with the session's tokens, which are evaluated again if another text replaced them. */
async function stateOf({ model, tokens }: ChatState, signal: AbortSignal | undefined): Promise<Uint8Array> {
  if (tokens.length === 0 || tokens.length >= model.contextLength) return new Uint8Array();
  for (let tries = 0; tries < 3; tries++) {
    const sampling = { maxTokens: 1, temperature: 0, seed: 0 };
    const plain = { addSpecial: false, parseSpecial: false, stop: [], logitBias: [], reportsProgress: false };
    await model.call("generate", { ...plain, prompt: tokens, sampling }, { signal });
    const cache = await model.call("save", {}, { signal });
    if (holds(cache, tokens)) return cache; // no other call came between the two
  }
  return new Uint8Array(); // the restored session evaluates its tokens again
}

function holds(cache: Uint8Array, tokens: readonly number[]): boolean {
  const view = new DataView(cache.buffer, cache.byteOffset, cache.byteLength);
  const length = view.getUint32(28, true);
  if (length !== tokens.length || Number(view.getBigUint64(32, true)) !== 4 * length) return false;
  return tokens.every((token, i) => view.getInt32(stateHeadBytes + 4 * i, true) === token);
}

/** Identifies a model in the error that names two. The fingerprint in the state of the cache is stricter. */
function identityOf({ architecture, name, parameters, layers, hidden, vocabulary }: ModelInfo): string {
  return `${name || "unnamed"} (${architecture}, ${parameters} parameters, ${[layers, hidden, vocabulary].join("/")})`;
}

/** Errors: `bad-format`, `truncated`, `unsupported-version`, and `bad-input` if the session is of another model. */
export async function restoreChat(
  model: ModelConnection,
  bytes: Uint8Array,
  options: (ChatSessionOptions & { signal?: AbortSignal | undefined }) | undefined,
): Promise<ChatState> {
  const { signal, ...rest } = options ?? {};
  if (rest.system !== undefined || rest.history !== undefined) {
    throw new CamelGPTError("bad-option", "A restored session has its own system text and history.", {
      hint: "Leave out the options `system` and `history`.",
    });
  }
  const state = newState(model, rest);
  const { saved, cache } = read(bytes);
  const { info } = await model.loaded();
  const identity = identityOf(info);
  if (saved.model !== identity) {
    throw new CamelGPTError("bad-input", "The saved session belongs to another model.", {
      expected: identity,
      found: saved.model,
      hint: "Restore it with the model it was saved from, or create a session with `history: chat.messages`.",
    });
  }
  if (cache.length > 0 && saved.tokens.length < model.contextLength) {
    // A copy, since only whole buffers can be posted without sharing the rest.
    await model.call("restore", { state: cache.slice() }, { signal });
  }
  return { ...state, ...(await checked(model, saved)), areChecked: true };
}

/** The messages and tokens of a file that may have been changed: tokens that do not spell an answer are dropped. */
async function checked(
  model: ModelConnection,
  { entries, tokens }: SavedChat,
): Promise<Pick<ChatState, "entries" | "tokens">> {
  try {
    if (entries.length > 0)
      checkMessages(
        entries.map(({ message }) => message),
        model.limits,
      );
    await model.call("detokenize", { tokens, keepControl: true }, {}); // checks the ids
    const kept: Entry[] = [];
    for (const { message, tokens, reasoned } of entries) {
      const { reasoning_content: reasoning, ...answer } = message;
      const entry = tokens ? (await entryOf(model, answer as ChatMessage, tokens)).entry : {};
      const spelled = reasoned && reasoning ? await runOf(model, reasoned, reasoning) : undefined;
      kept.push({ ...entry, message, ...(spelled && { reasoned: spelled.tokens }) });
    }
    return { entries: kept, tokens };
  } catch (error) {
    if (!(error instanceof CamelGPTError) || error.code !== "bad-input") throw error;
    throw damaged(`messages or tokens that the model cannot have (${error.message})`);
  }
}

function read(bytes: Uint8Array): { saved: SavedChat; cache: Uint8Array } {
  if (!(bytes instanceof Uint8Array)) throw wrongKind(bytes, "the bytes that chat.save() returned");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = new TextDecoder().decode(bytes.subarray(0, magic.length));
  if (bytes.length < headBytes || found !== magic) throw damaged("another kind of file");
  const itsVersion = view.getUint32(4, true);
  if (itsVersion !== version) {
    throw new CamelGPTError("unsupported-version", "The saved session has another version.", {
      expected: `version ${version}`,
      found: `version ${itsVersion}`,
      hint: "Restore it with the version of this package that saved it.",
    });
  }
  const jsonBytes = view.getUint32(8, true);
  if (headBytes + jsonBytes > bytes.length) {
    throw new CamelGPTError("truncated", "The saved session is cut off.", {
      expected: `at least ${headBytes + jsonBytes} bytes`,
      found: `${bytes.length} bytes`,
    });
  }
  const saved = savedOf(bytes.subarray(headBytes, headBytes + jsonBytes));
  if (!saved) throw damaged("messages that cannot be read");
  return { saved, cache: bytes.subarray(headBytes + jsonBytes) };
}

function savedOf(json: Uint8Array): SavedChat | undefined {
  try {
    const saved: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json));
    if (!isRecord(saved)) return undefined;
    const { model, entries, tokens } = saved;
    const isSaved = typeof model === "string" && Array.isArray(entries) && entries.every(isEntry) && isIds(tokens);
    return isSaved ? ({ model, entries, tokens } as SavedChat) : undefined;
  } catch {
    return undefined;
  }
}

function isEntry(entry: unknown): entry is Entry {
  if (!isRecord(entry) || !isRecord(entry["message"])) return false;
  return ["tokens", "trimmed", "reasoned"].every((name) => entry[name] === undefined || isIds(entry[name]));
}

function isIds(ids: unknown): ids is number[] {
  return Array.isArray(ids) && ids.every((id) => Number.isInteger(id) && id >= 0 && id < 2 ** 31);
}

function damaged(found: string): CamelGPTError {
  return new CamelGPTError("bad-format", "The bytes are not a saved session.", {
    expected: "the bytes that chat.save() returned",
    found,
  });
}
