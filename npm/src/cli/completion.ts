// camelgpt completion: the tables of commands and flags → a script with which a shell completes them.
import { allFlags, type Command, type Flag, UsageError } from "./command.js";
import type { Commands } from "./help.js";
import { printJson, printText } from "./output.js";

const shells: Record<string, (commands: Commands) => string> = { bash: bashScript, zsh: zshScript };

/** `commands` returns the table, of which this command is a row. */
export function completionCommand(commands: () => Commands): Command {
  return {
    summary: "print a script that completes commands and options in bash or zsh",
    usage: Object.keys(shells).join(" | "),
    flags: {},
    values: () => Object.keys(shells),
    async run(flags) {
      const [shell = "", ...more] = flags.positionals;
      if (more.length > 0 || !Object.hasOwn(shells, shell)) {
        throw new UsageError(
          `completion wants the name of a shell: ${Object.keys(shells).join(" or ")}.`,
          'For example: source <(camelgpt completion bash), in ~/.bashrc. For zsh "source" comes after compinit.',
        );
      }
      const script = shells[shell]!(commands());
      if (flags.json) printJson({ shell, script });
      else printText(script);
    },
  };
}

/** Both forms of a flag: `["--model", "-m"]`. */
const formsOf = (name: string, { short }: Flag) => (short ? [`--${name}`, `-${short}`] : [`--${name}`]);

/** Works in bash 3.2 too, the one of macOS. File names are the default of `complete`. */
function bashScript(commands: Commands): string {
  const flags = new Map<string, string>();
  for (const command of Object.values(commands)) {
    for (const [name, flag] of Object.entries(allFlags(command))) {
      if (flag.takes !== "nothing") flags.set(formsOf(name, flag).join("|"), (flag.values ?? []).join(" "));
    }
  }
  const values = [...flags].map(([forms, words]) => `    ${forms}) words="${words}" ;;`);
  const cases = Object.entries(commands).map(([name, command]) => {
    const forms = Object.entries(allFlags(command)).flatMap(([flag, rule]) => formsOf(flag, rule));
    return `      ${name}) words="${command.values?.().join(" ") ?? ""}" flags="${forms.join(" ")}" ;;`;
  });
  return `# Completion of camelgpt for bash: source <(camelgpt completion bash)
_camelgpt() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" words="" flags=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${Object.keys(commands).join(" ")} --help --version" -- "$current"))
    return
  fi
  # bash splits --flag=value into three words.
  if [ "$current" = "=" ]; then
    current=""
  elif [ "$before" = "=" ]; then
    before="\${COMP_WORDS[COMP_CWORD-2]}"
  fi
  case "$before" in
${values.join("\n")}
    *)
      case "\${COMP_WORDS[1]}" in
${cases.map((line) => `  ${line}`).join("\n")}
      esac
      case "$current" in -*) words="$flags" ;; esac
      ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _camelgpt camelgpt
`;
}

function zshScript(commands: Commands): string {
  const list = Object.entries(commands).map(([name, { summary }]) => `    ${quoted(`${name}:${summary}`)}`);
  const cases = Object.entries(commands).map(([name, command]) => {
    const specs = Object.entries(allFlags(command)).map(([flag, rule]) => `        ${zshSpec(flag, rule)}`);
    const rest = command.values ? `(${command.values().join(" ")})` : "_files";
    return `    ${name})\n      _arguments -s \\\n${specs.join(" \\\n")} \\\n        ${quoted(`*::${rest}`)} ;;`;
  });
  return `#compdef camelgpt
# Completion of camelgpt for zsh: source <(camelgpt completion zsh), after compinit
_camelgpt() {
  local -a commands=(
${list.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join("\n")}
  esac
}
if [[ $funcstack[1] == _camelgpt ]]; then
  _camelgpt "$@"
else
  compdef _camelgpt camelgpt
fi
`;
}

/** An option as _arguments describes it. One that can be repeated excludes none. */
function zshSpec(name: string, flag: Flag): string {
  const forms = formsOf(name, flag);
  const excluded = flag.many ? "*" : `(${forms.join(" ")})`;
  const help = `[${(flag.help.split(/[.:;(]/, 1)[0] ?? "").trim().replace(/[[\]\\]/g, "\\$&")}]`;
  const action = flag.values ? `(${flag.values.join(" ")})` : flag.value === "F" || flag.value === "M" ? "_files" : " ";
  const value = flag.takes === "nothing" ? "" : `:${(flag.value ?? "N").replaceAll(":", "\\:")}:${action}`;
  const choices = forms.length > 1 ? `{${forms.join(",")}}` : (forms[0] ?? "");
  return `${quoted(excluded)}${choices}${quoted(`${help}${value}`)}`;
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
