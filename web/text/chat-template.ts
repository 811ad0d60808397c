// Messages → the prompt in the form that the model was trained on, by the Jinja template in its file. Templates are
// untrusted code: they receive plain data only, and their work, output and time are limited.
import { CamelGPTError, describe, errorToData, excerpt } from "../errors.js";
import { allocate, Budget, type Limits, spend, withBudget } from "./jinja/budget.js";
import { Interpreter } from "./jinja/evaluate.js";
import { parse } from "./jinja/parser.js";
import { fromCaller, plain, Str } from "./jinja/strings.js";
import type { Statement } from "./jinja/tree.js";
import { Callable, Dict, Float, fail, iterate, List, Namespace, numberOf, type Value } from "./jinja/values.js";
import { type ChatMessage, contentText } from "./messages.js";
import type { RenderedPrompt } from "../rendered-prompt.js";
import type { RenderedChat, TemplateInput } from "./rendering.js";

/** Far above what real templates need: the longest known one has 40 KB. */
const maxTemplateLength = 256 << 10;
const maxErrorLength = 300;
const maxRange = 100_000; // Jinja's own limit

/** Thrown by the template itself, by `raise_exception`. */
class Refusal extends Error {}

/** Renders the messages as `renderChat` does; the result and the error are data, which can cross to another thread. */
export function renderToData(input: TemplateInput): RenderedChat {
  const notes: string[] = [];
  try {
    return { prompt: renderChat(input, (note) => notes.push(note)), notes };
  } catch (error) {
    return { error: errorToData(error), notes };
  }
}

/**
 * Renders the messages. If the template refuses or drops a system message, its text is put before the first user
 * message; if it refuses two messages of one role in a row, they are joined. `onNote` is told so.
 * Errors: `bad-input` if the template refuses the messages, `bad-template` if it fails or exceeds a limit.
 */
export function renderChat(input: TemplateInput, onNote: (note: string) => void = () => {}): RenderedPrompt {
  const { template, messages } = input;
  try {
    return renderAny(input, onNote);
  } catch (error) {
    if (error instanceof Refusal) {
      throw new CamelGPTError("bad-input", `The model's chat template refuses these messages: ${shortened(error)}`, {
        expected: "messages that the template accepts",
        found: `roles ${excerpt(messages.map((message) => message.role).join(", "))}`,
      });
    }
    throw new CamelGPTError("bad-template", `The model's chat template failed: ${shortened(error)}`, {
      expected: "a Jinja template that converts messages to text",
      found: excerpt(template),
      hint: "Give another template with the option `chatTemplate`, or use generateText with a complete prompt.",
    });
  }
}

function shortened(error: unknown): string {
  if (error instanceof RangeError) return "it nests too deep";
  const text = describe(error);
  return text.length > maxErrorLength ? `${text.slice(0, maxErrorLength)}…` : text;
}

/** A template, read once and rendered with one or several forms of the messages within one budget. */
interface Rendering {
  input: TemplateInput;
  statements: readonly Statement[];
  budget: Budget;
}

function renderAny(input: TemplateInput, onNote: (note: string) => void): RenderedPrompt {
  const { messages } = input;
  const systemText = messages[0]?.role === "system" ? contentText(messages[0]).trim() : "";
  const rendering = parseWithin(input);
  let refusal: Refusal | undefined;
  let prompt: RenderedPrompt | undefined;
  try {
    prompt = render(rendering, messages);
    if (prompt.text.includes(systemText)) return prompt;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    refusal = error;
  }
  const withoutSystem = joinSystem(messages);
  for (const [changed, note] of [
    [withoutSystem, "The model's chat template has no system role: the system text goes before the first user text."],
    [joinTurns(messages), "The model's chat template refuses two messages of one role in a row: they are joined."],
    [joinTurns(withoutSystem), "The system text goes before the first user text, and messages of one role are joined."],
  ] as const) {
    if (changed.length === messages.length) continue;
    try {
      const adapted = render(rendering, changed);
      onNote(note);
      return adapted;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  }
  if (refusal) throw refusal;
  return prompt as RenderedPrompt; // of a template that shows no system text anywhere
}

/** Puts the text of a first system message before the first user message. */
function joinSystem(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const [system, ...rest] = messages;
  const at = rest.findIndex((message) => message.role === "user");
  const user = rest[at];
  if (system?.role !== "system" || !user) return messages;
  return rest.with(at, { ...user, content: `${contentText(system)}\n\n${contentText(user)}` });
}

/** Joins neighbouring messages of one role that have nothing but text. */
function joinTurns(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const joined: ChatMessage[] = [];
  for (const message of messages) {
    const last = joined.at(-1);
    const isPlain = Object.keys(message).every((key) => key === "role" || key === "content");
    if (last && isPlain && last.role === message.role && (message.role === "user" || message.role === "assistant")) {
      joined[joined.length - 1] = { ...last, content: `${contentText(last)}\n\n${contentText(message)}` };
    } else joined.push(message);
  }
  return joined;
}

function parseWithin(input: TemplateInput): Rendering {
  const { template, messages } = input;
  if (template.length > maxTemplateLength) throw new Error(`it is longer than ${maxTemplateLength} characters`);
  const budget = new Budget(limitsFor(messages));
  return { input, budget, statements: withBudget(budget, () => parse(template)) };
}

/**
 * The limits grow with the messages, which are the caller's own: with their size, and with the square of their number,
 * since some templates look back over all messages for each one. Known templates need at most 34,000 steps and 0.5 MB
 * for short conversations, and for long ones a quarter of what grows here.
 */
function limitsFor(messages: readonly ChatMessage[]): Limits {
  const size = sizeOf(messages, 0);
  const pairs = messages.length ** 2;
  return {
    steps: 1_000_000 + 2 * size + 20 * pairs,
    characters: 1_000_000 + 8 * size,
    pieces: 20_000 + size / 4,
    bytes: 16_000_000 + 16 * size + 40 * pairs,
    milliseconds: 120 + size / 2000 + pairs / 200,
  };
}

/** The characters of all texts in the messages, and 8 for each value. */
function sizeOf(data: unknown, depth: number): number {
  if (typeof data === "string") return 8 + data.length;
  if (typeof data !== "object" || data === null) return 8;
  if (depth > maxNesting) return fail(`a message nests more than ${maxNesting} levels deep`);
  let size = 8;
  for (const [key, value] of Object.entries(data)) size += key.length + sizeOf(value, depth + 1);
  return size;
}

function render({ input, statements, budget }: Rendering, messages: readonly ChatMessage[]): RenderedPrompt {
  const variables = globals({ ...input, messages });
  return withBudget(budget, () => {
    const { text, marks } = new Interpreter(variables).render(statements);
    const { pieces } = budget.limits;
    if (marks.length > 2 * pieces) throw new Error(`it cuts the messages into more than ${Math.round(pieces)} pieces`);
    const literal: [number, number][] = [];
    for (let i = 0; i < marks.length; i += 2) literal.push([marks[i] ?? 0, marks[i + 1] ?? 0]);
    return { text, literal };
  });
}

function globals({ messages, addGenerationPrompt, bosText, eosText }: TemplateInput): Map<string, Value> {
  return new Map<string, Value>([
    ["messages", new List(messages.map((message) => toMessage(message)))],
    ["tools", null],
    ["documents", null],
    ["add_generation_prompt", addGenerationPrompt],
    ["bos_token", plain(bosText)],
    ["eos_token", plain(eosText)],
    [
      "raise_exception",
      new Callable("raise_exception", ({ positional: [message] }) => {
        throw new Refusal(message instanceof Str ? message.text : "no reason given");
      }),
    ],
    [
      "strftime_now",
      new Callable("strftime_now", ({ positional: [format] }) =>
        format instanceof Str ? plain(formatTime(format.text, new Date())) : fail("strftime_now needs a format"),
      ),
    ],
    ["range", new Callable("range", ({ positional }) => range(positional))],
    ["dict", new Callable("dict", ({ positional: [from], named }) => dictOf(from, named))],
    [
      "namespace",
      new Callable("namespace", ({ positional: [from], named }) => {
        const space = new Namespace();
        for (const [key, value] of dictOf(from, named).entries()) {
          if (key instanceof Str) space.set(key.text, value);
        }
        return space;
      }),
    ],
    [
      "cycler",
      new Callable("cycler", ({ positional: items }) => {
        let at = 0;
        const cycler = new Namespace();
        const current = () => items[at % items.length] ?? fail("at least one item has to be provided");
        const next = () => {
          const value = current();
          at++;
          return value;
        };
        cycler.set("next", new Callable("next", next));
        cycler.set(
          "reset",
          new Callable("reset", () => {
            at = 0;
            return null;
          }),
        );
        return cycler;
      }),
    ],
    [
      "joiner",
      new Callable("joiner", ({ positional: [separator] }) => {
        let isFirst = true;
        return new Callable("joiner", () => {
          const value = isFirst ? plain("") : (separator ?? plain(", "));
          isFirst = false;
          return value;
        });
      }),
    ],
  ]);
}

function dictOf(from: Value | undefined, named: ReadonlyMap<string, Value>): Dict {
  const pairs =
    from === undefined ? [] : from instanceof Dict ? from.entries() : iterate(from).map((pair) => iterate(pair));
  const dict = new Dict(pairs.map(([key, value]) => [key ?? null, value ?? null]));
  for (const [key, value] of named) dict.set(plain(key), value);
  return dict;
}

function range(bounds: readonly Value[]): List {
  const [first = 0, second, step = 1] = bounds.map((bound) => numberOf(bound) ?? fail("range() needs whole numbers"));
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  if (step === 0) fail("range() arg 3 must not be zero");
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (!(length <= maxRange)) fail(`Range too big. The sandbox blocks ranges larger than MAX_RANGE (${maxRange}).`);
  spend(length);
  allocate(8 * length);
  return new List(Array.from({ length }, (_, i) => start + i * step));
}

/** Values that a template prints as part of its own text; everything else in a message is the caller's. */
const ownWords = new Set(["system", "user", "assistant", "tool", "developer", "function", "model", "ipython", "text"]);
const maxNesting = 100;

function toMessage(message: ChatMessage): Value {
  const fields = { ...message, content: contentText(message) };
  return toValue(fields, 0);
}

function toValue(data: unknown, depth: number): Value {
  if (depth > maxNesting) fail(`a message nests more than ${maxNesting} levels deep`);
  if (data === null || data === undefined) return null;
  if (typeof data === "boolean") return data;
  if (typeof data === "number") return Number.isSafeInteger(data) ? data : new Float(data);
  if (typeof data === "string") return ownWords.has(data) ? plain(data) : fromCaller(data);
  if (Array.isArray(data)) return new List(data.map((item) => toValue(item, depth + 1)));
  if (typeof data !== "object") return fail(`a message contains a ${typeof data}`);
  const entries = Object.entries(data).filter(([, value]) => value !== undefined);
  return new Dict(entries.map(([key, value]) => [fromCaller(key), toValue(value, depth + 1)]));
}

const weekdays = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");
const months = "January February March April May June July August September October November December".split(" ");

/** Supports the strftime directives that templates use. The names are English, as in the training data. */
function formatTime(format: string, time: Date): string {
  spend(4 * format.length);
  const two = (value: number) => String(value).padStart(2, "0");
  const [weekday = "", month = ""] = [weekdays[time.getDay()], months[time.getMonth()]];
  const directives: Record<string, string> = {
    a: weekday.slice(0, 3),
    A: weekday,
    b: month.slice(0, 3),
    B: month,
    d: two(time.getDate()),
    H: two(time.getHours()),
    m: two(time.getMonth() + 1),
    M: two(time.getMinutes()),
    S: two(time.getSeconds()),
    y: two(time.getFullYear() % 100),
    Y: String(time.getFullYear()),
    "%": "%",
  };
  return format.replace(/%(.)/g, (directive, letter: string) => directives[letter] ?? directive);
}
