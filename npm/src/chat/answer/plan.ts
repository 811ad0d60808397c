// The option `reasoning` and a chat template → the variables of the template, and how the answer is generated.
import type { ChatMessage } from "../../../../web/text/messages.js";
import type { Reasoning, TemplateSettings } from "../template-settings.js";
import { type AnswerFormat, answerFormat, promptState, type ReasoningFormat } from "./format.js";
import type { CallParser } from "./reader.js";

export interface AnswerPlan {
  settings: TemplateSettings;
  /** The template of the model, or the one that replaces it. */
  template: string;
  /** The variables of the template. */
  variables: Record<string, unknown>;
  /** Undefined: the text of the engine is the answer. */
  format: AnswerFormat | undefined;
  /** Makes a reader of tool calls, if the answer may call tools. */
  newCallParser?: (() => CallParser) | undefined;
  /** Changes the messages for a template that lacks a form for calls and results. */
  adapt?: ((messages: readonly ChatMessage[]) => readonly ChatMessage[]) | undefined;
  /** The grammar of the answer, if it is not that of the parameters. */
  grammar?: string | undefined;
  /** Whether the model is expected to reason. */
  reasons: boolean;
  /** Whether variables of the template switch reasoning. */
  isSwitchable: boolean;
  /** The largest number of tokens of the reasoning, if it is limited. */
  budget?: number | undefined;
  /** Whether a grammar applies to the text. */
  isConstrained: boolean;
  /** The largest number of tokens of the answer with its reasoning; undefined: the default of the engine. */
  maxTokens: number | undefined;
}

/** The default of the option `maxTokens`. */
export const defaultMaxTokens = 256;
/** Added to it for the reasoning, unless that has a budget. */
const defaultReasoningTokens = 2048;
const budgets = { low: 256, medium: 1024, high: 4096 };

/** Variables by which templates switch reasoning, with the values for off and on. */
const switches: readonly (readonly [variable: string, off: unknown, on: unknown])[] = [
  ["enable_thinking", false, true],
  ["thinking", false, true],
  ["reasoning", false, true],
  ["thinking_mode", "disabled", "enabled"],
  ["thinking_option", "off", "on"],
];
const efforts = ["reasoning_effort", "thinking_effort", "reasoning_strength"];

/** Whether a template mentions a variable. One that it does not read has no effect. */
const mentions = (template: string, variable: string): boolean => new RegExp(`\\b${variable}\\b`).test(template);

/** Values of an effort that mean no reasoning at all, as templates name them. */
function noEffort(template: string): string | undefined {
  return /['"]no_think['"]/.test(template) ? "no_think" : /== *['"]none['"]/.test(template) ? "none" : undefined;
}

/** Returns the variables that switch reasoning. */
export function switchVariables(template: string, isOn: boolean): Record<string, unknown> {
  const variables: Record<string, unknown> = {};
  for (const [variable, off, on] of switches) if (mentions(template, variable)) variables[variable] = isOn ? on : off;
  return variables;
}

/** Returns the variables that set an effort; empty if the template knows none. */
function effortVariables(template: string, effort: string | undefined): Record<string, unknown> {
  const variables: Record<string, unknown> = {};
  if (effort === undefined) return variables;
  for (const variable of efforts.filter((each) => mentions(template, each))) {
    const listed = new RegExp(`${variable} not in \\[([^\\]]{0,200})\\]`).exec(template)?.[1];
    variables[variable] = listed === undefined || listed.includes(`'${effort}'`) ? effort : "high";
  }
  return variables;
}

/** The largest effort, for templates that an effort also switches off. */
function fullEffort(template: string): Record<string, unknown> {
  return noEffort(template) === undefined ? {} : effortVariables(template, "high");
}

function variablesOf(template: string, reasoning: Reasoning | undefined): Record<string, unknown> {
  if (reasoning === undefined) return {};
  const isOn = reasoning !== "none";
  const budget = typeof reasoning === "object" ? reasoning.budget : isOn ? undefined : 0;
  return {
    ...switchVariables(template, isOn),
    ...(typeof reasoning === "object" ? fullEffort(template) : {}),
    ...(typeof reasoning === "string" && effortVariables(template, isOn ? reasoning : noEffort(template))),
    ...(budget !== undefined && mentions(template, "thinking_budget") && { thinking_budget: budget }),
  };
}

/** The parameters of a generation that decide how it is done. */
export interface LimitsOfAnswer {
  sampling: { maxTokens?: number | undefined };
  grammar?: string | undefined;
}

/** Renders a short conversation with variables, and returns the prompt. */
export type Probe = (variables: Record<string, unknown>) => Promise<string>;

/** How a template switches reasoning. */
interface Switching {
  /** Whether variables switch it. */
  isSwitchable: boolean;
  isOnByDefault: boolean;
}

/** By template. Only a few are in use. */
const known = new Map<string, Switching>();
const maxKnown = 16;

async function switchingOf(template: string, format: ReasoningFormat, probe: Probe): Promise<Switching> {
  const found = known.get(template);
  if (found) return found;
  const standard = await probe({});
  const off = await probe(variablesOf(template, "none"));
  const on = await probe({ ...switchVariables(template, true), ...fullEffort(template) });
  const isSwitchable = off !== on;
  const state = promptState({ text: standard, literal: [] }, format);
  // A template without a switch belongs to a model that always reasons, unless it closes the reasoning itself.
  const isOnByDefault = state === "open" || (state === undefined && (!isSwitchable || standard !== off));
  const switching = { isSwitchable, isOnByDefault };
  if (known.size >= maxKnown) known.clear();
  known.set(template, switching);
  return switching;
}

/** Errors: those of rendering the template. */
export async function planAnswer(
  template: string,
  settings: TemplateSettings,
  params: LimitsOfAnswer,
  probe: Probe,
): Promise<AnswerPlan> {
  const format = answerFormat(template);
  const reasoning = isZero(settings.reasoning) ? "none" : settings.reasoning;
  const given = params.sampling.maxTokens;
  const plan = { settings, template, format, isConstrained: Boolean(params.grammar), isSwitchable: false };
  if (!format?.reasoning) {
    return { ...plan, variables: { ...settings.templateOptions }, reasons: false, maxTokens: given };
  }
  const { isSwitchable, isOnByDefault } = await switchingOf(template, format.reasoning, probe);
  const variables = { ...variablesOf(template, reasoning), ...settings.templateOptions };
  const byOption = reasoning === undefined ? undefined : reasoning !== "none";
  const reasons = byOption ?? switchedBy(settings.templateOptions) ?? isOnByDefault;
  const budget = budgetOf(template, reasoning);
  const maxTokens = given ?? (reasons ? defaultMaxTokens + (budget ?? defaultReasoningTokens) : undefined);
  return { ...plan, isSwitchable, variables, reasons, budget, maxTokens };
}

/** Whether variables of the caller switch reasoning on or off. */
function switchedBy(variables: Readonly<Record<string, unknown>> = {}): boolean | undefined {
  for (const [variable, off, on] of switches) {
    if (variables[variable] === off) return false;
    if (variables[variable] === on) return true;
  }
  return undefined;
}

function budgetOf(template: string, reasoning: Reasoning | undefined): number | undefined {
  if (typeof reasoning === "object") return reasoning.budget;
  if (reasoning === undefined || reasoning === "none") return undefined;
  return efforts.some((each) => mentions(template, each)) ? undefined : budgets[reasoning];
}

function isZero(reasoning: Reasoning | undefined): boolean {
  return typeof reasoning === "object" && reasoning.budget === 0;
}

/** Whether the reasoning and the text are generated one after the other, each with its own limits. */
export function isSplit({ reasons, budget, isConstrained }: AnswerPlan): boolean {
  return reasons && (budget !== undefined || isConstrained);
}
