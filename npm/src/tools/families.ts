// A chat template → the family of models that it belongs to, and how they write calls of tools.
import type { CallSyntax } from "./syntax.js";
import { gemmaCalls } from "./syntax/gemma-calls.js";
import { generic } from "./syntax/generic.js";
import { jsonCalls } from "./syntax/json-calls.js";
import { mistralCalls } from "./syntax/mistral-calls.js";
import { namedCalls } from "./syntax/named-calls.js";
import { pythonCalls } from "./syntax/python-calls.js";
import { xmlCalls } from "./syntax/xml-calls.js";

export interface ToolFamily {
  name: string;
  syntax: CallSyntax;
}

interface Row extends ToolFamily {
  /** Recognizes the templates of the family, in time linear in their length. */
  mark: Mark;
}

/** A regular expression, or a search that one could do only in quadratic time. */
type Mark = Pick<RegExp, "test">;

const row = (name: string, mark: Mark, syntax: CallSyntax): Row => ({ name, mark, syntax });

/** Finds a text with another one anywhere after it. */
const inOrder = (first: string, second: string): Mark => ({
  test: (template) => template.includes(first) && template.indexOf(second, template.indexOf(first)) >= 0,
});

/** Finds a text without another one anywhere after it. */
const notFollowed = (first: string, second: string): Mark => ({
  test: (template) => template.lastIndexOf(first) > template.lastIndexOf(second),
});

/** The first one whose mark is in the template counts. */
const families: readonly Row[] = [
  row(
    "gpt-oss",
    /<\|channel\|>commentary/,
    namedCalls({
      open: "<|channel|>commentary to=functions.",
      alsoOpen: [" to=functions."],
      middle: " <|constrain|>json<|message|>",
      close: "<|call|>",
      isClosedByEnd: true,
      isParallel: false,
      controls: ["<|channel|>", "<|constrain|>", "<|message|>", "<|start|>"],
      lead: "<|start|>assistant",
      textMarkers: ["<|channel|>final<|message|>", ""],
    }),
  ),
  row(
    "deepseek",
    /'<｜tool▁sep｜>' \+ tool\['function'\]\['arguments'\]/, // V3.1 and later: the name, then the arguments
    namedCalls({
      sectionOpen: "<｜tool▁calls▁begin｜>",
      sectionClose: "<｜tool▁calls▁end｜>",
      open: "<｜tool▁call▁begin｜>",
      middle: "<｜tool▁sep｜>",
      close: "<｜tool▁call▁end｜>",
      controls: ["<｜tool▁sep｜>"],
    }),
  ),
  row(
    "deepseek-r1",
    /<｜tool▁calls▁begin｜>/,
    namedCalls({
      sectionOpen: "<｜tool▁calls▁begin｜>",
      sectionClose: "<｜tool▁calls▁end｜>",
      open: "<｜tool▁call▁begin｜>",
      namePrefix: "function<｜tool▁sep｜>",
      middle: "\n```json\n",
      close: "\n```<｜tool▁call▁end｜>",
      separator: "\n",
      controls: ["<｜tool▁sep｜>", "<｜tool▁call▁end｜>"],
    }),
  ),
  row(
    "kimi",
    /<\|tool_calls_section_begin\|>/,
    namedCalls({
      sectionOpen: "<|tool_calls_section_begin|>",
      sectionClose: "<|tool_calls_section_end|>",
      open: "<|tool_call_begin|>",
      namePrefix: "functions.",
      isNumbered: true,
      middle: "<|tool_call_argument_begin|>",
      close: "<|tool_call_end|>",
      controls: ["<|tool_call_argument_begin|>"],
    }),
  ),
  row("mistral", /\[ARGS\]/, mistralCalls({ isNamed: true })),
  row("mistral-list", /\[TOOL_CALLS\]/, mistralCalls({ isNamed: false })),
  row(
    "glm",
    /<arg_key>/,
    xmlCalls({
      open: "<tool_call>",
      nameOpen: "",
      nameClose: "\n",
      keyOpen: "<arg_key>",
      keyClose: "</arg_key>\n",
      valueOpen: "<arg_value>",
      valueClose: "</arg_value>\n",
      end: "",
      close: "</tool_call>",
    }),
  ),
  row(
    "minimax",
    /<minimax:tool_call>/,
    xmlCalls({
      open: "<minimax:tool_call>\n",
      isSection: true,
      nameOpen: '<invoke name="',
      nameClose: '">\n',
      keyOpen: '<parameter name="',
      keyClose: '">',
      valueOpen: "",
      valueClose: "</parameter>\n",
      end: "</invoke>\n",
      close: "</minimax:tool_call>",
    }),
  ),
  row(
    "seed",
    /<seed:tool_call>/,
    xmlCalls({
      open: "<seed:tool_call>\n",
      nameOpen: "<function=",
      nameClose: ">\n",
      keyOpen: "<parameter=",
      keyClose: ">",
      valueOpen: "",
      valueClose: "</parameter>\n",
      end: "</function>\n",
      close: "</seed:tool_call>",
    }),
  ),
  row(
    "qwen-xml",
    inOrder("<tool_call>", "<function="),
    xmlCalls({
      open: "<tool_call>\n",
      nameOpen: "<function=",
      nameClose: ">\n",
      keyOpen: "<parameter=",
      keyClose: ">\n",
      valueOpen: "",
      valueClose: "\n</parameter>\n",
      end: "</function>\n",
      close: "</tool_call>",
    }),
  ),
  row(
    "minicpm",
    /<function name="/,
    xmlCalls({
      open: "",
      nameOpen: '<function name="',
      nameClose: '">',
      keyOpen: '<param name="',
      keyClose: '">',
      valueOpen: "",
      valueClose: "</param>",
      end: "</function>",
      close: "",
      hasCdata: true,
    }),
  ),
  row(
    "functiongemma",
    /<start_function_call>/,
    gemmaCalls({ open: "<start_function_call>", close: "<end_function_call>", quote: "<escape>" }),
  ),
  row("gemma4", /<\|tool_call>/, gemmaCalls({ open: "<|tool_call>", close: "<tool_call|>", quote: '<|"|>' })),
  row(
    "lfm2",
    /<\|tool_call_start\|>|<\|tool_list_start\|>|List of tools: \[/,
    pythonCalls({ open: "<|tool_call_start|>", close: "<|tool_call_end|>" }),
  ),
  row(
    "command-r",
    /<\|START_ACTION\|>/,
    jsonCalls({
      open: "<|START_ACTION|>",
      close: "<|END_ACTION|>",
      pad: "\n",
      isList: true,
      textMarkers: ["<|START_RESPONSE|>", "<|END_RESPONSE|>"],
      idKey: "tool_call_id",
      nameKey: "tool_name",
      argumentsKey: "parameters",
    }),
  ),
  row(
    "command-r-plus",
    /Action:\\n```json/,
    jsonCalls({
      open: "Action:\n```json\n",
      close: "\n```",
      isList: true,
      nameKey: "tool_name",
      argumentsKey: "parameters",
    }),
  ),
  row("nemotron", /<TOOLCALL>/, jsonCalls({ open: "<TOOLCALL>", close: "</TOOLCALL>", isList: true })),
  row("apriel", /<tool_calls>\[/, jsonCalls({ open: "<tool_calls>", close: "</tool_calls>", isList: true })),
  row("phi", /<\|tool\|>/, jsonCalls({ open: "<|tool_call|>", close: "<|/tool_call|>", isList: true })),
  row("functools", /functools/, jsonCalls({ open: "functools", close: "", isList: true })),
  row("granite", /<\|tool_call\|>/, jsonCalls({ open: "<|tool_call|>", close: "", isList: true })),
  row(
    "apertus",
    /<\|tools_prefix\|>/,
    jsonCalls({ open: "<|tools_prefix|>", close: "<|tools_suffix|>", isList: true, isKeyed: true }),
  ),
  row(
    "hermes",
    notFollowed("<tool_call>", "<invoke name"),
    jsonCalls({ open: "<tool_call>", close: "</tool_call>", pad: "\n" }),
  ),
  row("functionary", /<function=/, namedCalls({ open: "<function=", middle: ">", close: "</function>" })),
  row("python", /\[\w+\(\w+=\w+/, pythonCalls({ open: "", close: "" })),
  row(
    "llama-json",
    /"parameters": dictionary of argument name|<\|python_tag\|>/,
    jsonCalls({ open: "", close: "", alsoOpen: ["<|python_tag|>"], argumentsKey: "parameters", isParallel: false }),
  ),
];

const genericFamily: ToolFamily = { name: "generic", syntax: generic };

/** `generic` for templates that know no tools, and for those that write calls in a way that is not known. */
export function toolFamily(template: string): ToolFamily {
  if (!knowsTools(template)) return genericFamily;
  return families.find(({ mark }) => mark.test(template)) ?? genericFamily;
}

/** The texts of a syntax that are tokens of models that know it. */
export function markersOf({ markers, controls = [], lead, textMarkers = ["", ""] }: CallSyntax): string[] {
  const all = [...markers, ...controls, ...(lead === undefined ? [] : [lead]), ...textMarkers];
  // Several tokens can stand side by side in one of these texts.
  const single = all.flatMap((text) => [text.trim(), ...(text.match(/<[^<>]+>|\[[^[\]]+\]/g) ?? [])]);
  return [...new Set(single)].filter((text) => text !== "");
}

/** Whether the template shows the tools that it is given. */
const knowsTools = (template: string) => /\b(?:xml_|custom_)?tools\b/.test(template);

/** All families by name, for tests. */
export const allFamilies: readonly ToolFamily[] = [...families, genericFamily];
