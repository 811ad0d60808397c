// Messages → the prompt that the model was trained on, by the Jinja template in its file. Templates are foreign code: they see
// plain data only, and their steps and output are bounded.
import { Environment, Interpreter, Template } from "@huggingface/jinja";

import { CamelGPTError, describe, excerpt } from "../errors.js";

/** One turn of a conversation. Templates may read more fields than these two. */
export interface ChatMessage {
  role: string;
  content: string;
  [field: string]: unknown;
}

export interface TemplateInput {
  template: string;
  messages: readonly ChatMessage[];
  /** Whether the prompt ends where the assistant begins. */
  addGenerationPrompt: boolean;
  bosText: string;
  eosText: string;
}

/** Far above what a real template needs: Llama 3's, with tools, is 4 KB and takes about 30 steps a message. */
const maxTemplateLength = 256 << 10;
const maxSteps = 500_000;
const maxTextLength = 8 << 20;
const maxRange = 10_000;

type Statement = Parameters<Interpreter["evaluate"]>[0];
type RuntimeValue = ReturnType<Interpreter["evaluate"]>;

/** What the template itself says is wrong with the messages. */
class Refusal extends Error {}

class BoundedInterpreter extends Interpreter {
  #steps = 0;

  override evaluate(statement: Statement, environment: Environment): RuntimeValue {
    if (++this.#steps > maxSteps) throw new Error(`it takes more than ${maxSteps} steps`);
    const result = super.evaluate(statement, environment);
    const value: unknown = result.value;
    if ((typeof value === "string" || Array.isArray(value)) && value.length > maxTextLength) {
      throw new Error(`it makes a value of more than ${maxTextLength} parts`);
    }
    return result;
  }
}

/**
 * Errors: `bad-input` where the template refuses the messages (roles that do not alternate, for example), `bad-template`
 * where it does not work or does not end.
 */
export function renderChat(input: TemplateInput): string {
  const { template } = input;
  try {
    if (template.length > maxTemplateLength) throw new Error(`it is longer than ${maxTemplateLength} characters`);
    const environment = new Environment();
    for (const [name, value] of Object.entries(globals(input))) environment.set(name, value);
    const result: unknown = new BoundedInterpreter(environment).run(new Template(template).parsed).value;
    if (typeof result !== "string") throw new Error("it makes no text");
    return result;
  } catch (error) {
    if (error instanceof Refusal) {
      throw new CamelGPTError("bad-input", `The model's chat template refuses these messages: ${error.message}`, {
        expected: "messages as the template wants them",
        found: `roles ${excerpt(input.messages.map((message) => message.role).join(", "))}`,
        cause: error,
      });
    }
    throw new CamelGPTError("bad-template", `The model's chat template failed: ${describe(error)}`, {
      expected: "a Jinja template that turns messages into text",
      found: excerpt(template),
      hint: "Give a template of your own with the option `chatTemplate`, or use generateText with a complete prompt.",
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

/** The directives of strftime that templates use, in English as the models were trained. */
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
