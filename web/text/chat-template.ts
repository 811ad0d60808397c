// Messages → the prompt in the form that the model was trained on, by the Jinja template in its file. Templates are
// untrusted code: they receive plain data only, and their steps and output are limited.
import { Environment, Interpreter, Template } from "@huggingface/jinja";

import { CamelGPTError, describe, excerpt } from "../errors.js";
import type { ChatMessage } from "./messages.js";

export interface TemplateInput {
  template: string;
  messages: readonly ChatMessage[];
  /** Whether the prompt ends with the beginning of the assistant's message. */
  addGenerationPrompt: boolean;
  bosText: string;
  eosText: string;
}

/** Far above what real templates need: that of Llama 3 with tools is 4 KB and takes about 30 steps per message. */
const maxTemplateLength = 256 << 10;
const maxSteps = 500_000;
const maxTextLength = 8 << 20;
const maxRange = 10_000;

type Statement = Parameters<Interpreter["evaluate"]>[0];
type RuntimeValue = ReturnType<Interpreter["evaluate"]>;

/** Thrown by the template itself, by `raise_exception`. */
class Refusal extends Error {}

class BoundedInterpreter extends Interpreter {
  #steps = 0;

  override evaluate(statement: Statement, environment: Environment): RuntimeValue {
    if (++this.#steps > maxSteps) throw new Error(`it takes more than ${maxSteps} steps`);
    const result = super.evaluate(statement, environment);
    const value: unknown = result.value;
    if ((typeof value === "string" || Array.isArray(value)) && value.length > maxTextLength) {
      throw new Error(`it creates a value longer than ${maxTextLength}`);
    }
    return result;
  }
}

/**
 * Errors: `bad-input` if the template refuses the messages (roles that do not alternate, for example), `bad-template`
 * if it fails or exceeds a limit.
 */
export function renderChat(input: TemplateInput): string {
  const { template } = input;
  try {
    if (template.length > maxTemplateLength) throw new Error(`it is longer than ${maxTemplateLength} characters`);
    const environment = new Environment();
    for (const [name, value] of Object.entries(globals(input))) environment.set(name, value);
    const result: unknown = new BoundedInterpreter(environment).run(new Template(template).parsed).value;
    if (typeof result !== "string") throw new Error("its result is not a text");
    return result;
  } catch (error) {
    if (error instanceof Refusal) {
      throw new CamelGPTError("bad-input", `The model's chat template refuses these messages: ${error.message}`, {
        expected: "messages that the template accepts",
        found: `roles ${excerpt(input.messages.map((message) => message.role).join(", "))}`,
        cause: error,
      });
    }
    throw new CamelGPTError("bad-template", `The model's chat template failed: ${describe(error)}`, {
      expected: "a Jinja template that converts messages to text",
      found: excerpt(template),
      hint: "Give another template with the option `chatTemplate`, or use generateText with a complete prompt.",
      cause: error,
    });
  }
}

function globals({ messages, addGenerationPrompt, bosText, eosText }: TemplateInput): Record<string, unknown> {
  return {
    messages,
    add_generation_prompt: addGenerationPrompt,
    bos_token: bosText,
    eos_token: eosText,
    true: true,
    false: false,
    none: null,
    True: true,
    False: false,
    None: null,
    raise_exception: (message: unknown) => {
      throw new Refusal(String(message));
    },
    range: boundedRange,
    strftime_now: (format: unknown) => formatTime(String(format), new Date()),
  };
}

function boundedRange(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (!(length <= maxRange)) throw new Error(`range() of ${length} numbers`);
  return Array.from({ length }, (_, i) => start + i * step);
}

/** Supports the strftime directives that templates use. The names are English, as in the training data. */
function formatTime(format: string, time: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const name = (options: Intl.DateTimeFormatOptions) => time.toLocaleString("en-US", options);
  const directives: Record<string, () => string> = {
    a: () => name({ weekday: "short" }),
    A: () => name({ weekday: "long" }),
    b: () => name({ month: "short" }),
    B: () => name({ month: "long" }),
    d: () => two(time.getDate()),
    H: () => two(time.getHours()),
    m: () => two(time.getMonth() + 1),
    M: () => two(time.getMinutes()),
    S: () => two(time.getSeconds()),
    y: () => two(time.getFullYear() % 100),
    Y: () => String(time.getFullYear()),
    "%": () => "%",
  };
  return format.replace(/%(.)/g, (directive, letter: string) => directives[letter]?.() ?? directive);
}
