// The names that a chat template can read: the messages and what the caller adds to them, and Python's functions.
import { allocate, spend } from "./jinja/budget.js";
import { fromCaller, plain, Str } from "./jinja/strings.js";
import { Callable, Dict, Float, fail, iterate, List, Namespace, numberOf, type Value } from "./jinja/values.js";
import { type ChatMessage, contentText } from "./messages.js";
import type { TemplateInput } from "./rendering.js";

const maxRange = 100_000; // Jinja's own limit

/** Thrown by the template itself, by `raise_exception`. */
export class Refusal extends Error {}

export function globals(input: TemplateInput): Map<string, Value> {
  const { messages, tools, documents, variables = {}, addGenerationPrompt, bosText, eosText } = input;
  return new Map<string, Value>([
    ["bos_token", plain(bosText)],
    ["eos_token", plain(eosText)],
    ...Object.entries(variables).map(([name, value]) => [name, toValue(value, 0)] as const),
    ["messages", new List(messages.map((message) => toMessage(message)))],
    ["tools", toValue(tools, 0)],
    ["documents", toValue(documents, 0)],
    ["add_generation_prompt", addGenerationPrompt],
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
  const items = new Array<number>(length); // some templates make a range for each message
  for (let i = 0; i < length; i++) items[i] = start + i * step;
  return new List(items);
}

/** Values that a template prints as part of its own text; all others in messages and variables are the caller's. */
const ownWords = new Set(["system", "user", "assistant", "tool", "developer", "function", "model", "ipython", "text"]);
export const maxNesting = 100;

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
