// The options of the core's tables ↔ flags: `topK` is `--top-k`.
import type { FieldRule, FieldWords } from "../../../web/engine/records.js";
import type { Flag, Flags } from "./command.js";

/** Returns a flag for each option, with its help, range and default. */
export function flagsOf<K extends string>(
  rules: Readonly<Record<K, FieldRule>>,
  words: Readonly<Record<K, FieldWords>>,
): Record<string, Flag> {
  const names = Object.keys(rules) as K[];
  return Object.fromEntries(
    names.map((name) => {
      const short = shortForms[name];
      return [flagName(name), { ...flagOf(rules[name], words[name]), ...(short && { short }) }];
    }),
  );
}

/** The letters of options, those of llama.cpp. */
const shortForms: Record<string, string> = { maxTokens: "n", seed: "s" };

export function flagOf(rule: FieldRule, { help, default: standard }: FieldWords): Flag {
  const text = inWords(help);
  if (rule.type === "flag") return { takes: "nothing", help: text };
  const range = rule.type === "choice" ? rule.names.join(", ") : rule.range;
  return {
    takes: rule.type === "choice" ? "text" : "number",
    ...(rule.type === "choice" && { value: "NAME", values: rule.names }),
    help: `${text.replace(/\.$/, "")} (${range}; default: ${inWords(standard)}).`,
  };
}

/** Returns the options that the flags set. */
export function optionsOf<K extends string>(
  flags: Flags,
  rules: Readonly<Record<K, FieldRule>>,
): Partial<Record<K, unknown>> {
  const options: Partial<Record<K, unknown>> = {};
  for (const name of Object.keys(rules) as K[]) {
    const flag = flagName(name);
    const { type } = rules[name];
    if (type === "flag") options[name] = flags.has(flag) || undefined;
    else options[name] = type === "choice" ? flags.text(flag) : flags.number(flag);
  }
  return options;
}

/** Text of the tables for the command line: options as flags, `info()` as the command that prints the same. */
function inWords(text: string): string {
  return text
    .replace(/`?info\(\)(?:\.[\w.]+)?`?/g, "camelgpt inspect")
    .replaceAll("`", "")
    .replace(/\b[a-z]+[A-Z]\w*/g, (option) => `--${flagName(option)}`);
}

function flagName(option: string): string {
  return option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
