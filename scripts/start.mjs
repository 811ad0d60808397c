// Builds a checkout, answers a prompt with a real model, then serves the demo and the documentation
// until Ctrl-C.
//   npm start
//   npm start -- "Write a haiku" --model path --once
// Arguments after the dashes go to `camelgpt generate`, except for --once (no demo afterwards), --port N (of the demo)
// and
// --raw (continue the prompt as plain text instead of asking it as a chat question).
import { existsSync } from "node:fs";
import { join } from "node:path";
import { build } from "./build.mjs";
import { buildSite } from "./build-site.mjs";
import { ensureModel } from "./fetch-model.mjs";
import { isMain, repositoryRoot, run, runMain, say } from "./lib/run.mjs";
import { portOf, serve } from "./serve.mjs";
import { ensureToolchain } from "./setup.mjs";

const cli = join(repositoryRoot, "npm/dist/cli.js");
const defaultModel = "smollm2-135m";
const defaultPrompt = "Which ocean is the largest?";

/** Parses the arguments after `npm start --` into `{once, port, generateArguments, needsModel}`. */
export function parseStart(args) {
  const rest = [];
  let once = false;
  let raw = false;
  let port = 8080;
  for (let i = 0; i < args.length; i++) {
    const [name, value] = args[i].split(/=(.*)/s);
    if (args[i] === "--once") once = true;
    else if (args[i] === "--raw") raw = true;
    else if (name === "--port") port = portOf(value ?? args[++i] ?? "");
    else rest.push(args[i]);
  }
  const namesModel = rest.some((arg) => arg === "--model" || arg.startsWith("--model="));
  const generateArguments = [
    ...(namesModel ? [] : ["--model", defaultModel]),
    ...(raw || rest.includes("--chat") ? [] : ["--chat"]),
    ...(rest.length === 0 ? ["--prompt", defaultPrompt] : rest),
  ];
  return { once, port, generateArguments, needsModel: !once || !namesModel };
}

/** Calibrates the model once, so that it answers with dynamic pruning. */
async function ensureSidecar(model, node) {
  if (existsSync(model.replace(/\.gguf$/, ".epdp"))) return;
  say("model: calibrating dynamic pruning, once (about 20 s)");
  await run(node, [cli, "calibrate", model], { stdio: "inherit" });
}

async function start(args) {
  const { once, port, generateArguments, needsModel } = parseStart(args);
  const tools = await ensureToolchain({ native: false });
  await build(tools);
  if (needsModel) await ensureSidecar(await ensureModel(defaultModel), tools.node24);

  const isDefault = args.every((arg) => arg.startsWith("--once") || arg.startsWith("--port"));
  if (isDefault) say(`\n> ${defaultPrompt}`);
  // Paths are relative to the user's folder, not to the folder in which npm runs scripts.
  const cwd = process.env.INIT_CWD ?? process.cwd();
  await run(tools.node24, [cli, "generate", ...generateArguments], {
    stdio: "inherit",
    cwd,
  });
  if (once) return;
  const { url } = await serve({ port }).catch((problem) => {
    say(`start: ${problem.message}; using a free port`);
    return serve();
  });
  say(`\nThe demo is at ${url}/demo/ (Ctrl-C to stop)`);
  // After the answer and the demo, which do not wait for it.
  await buildSite().then(
    () => say(`The documentation is at ${url}/docs/`),
    (problem) => say(`start: the documentation could not be built: ${problem.message}`),
  );
}

if (isMain(import.meta.url)) await runMain(start);
