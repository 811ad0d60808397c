// A TypeDoc plugin that names the modules of the reference as programs import them.
import { Converter } from "typedoc";

/** Entry point → subpath of the package, which is also the name of its page. */
const names = {
  "entry/browser": "camelgpt-inference",
  "entry/node": "node",
  "entry/edge": "edge",
  "openai/openai": "openai",
  "ai-sdk/ai-sdk": "ai-sdk",
  "prompt-api/prompt-api": "prompt-api",
  "entry/browser-worker": "worker",
};

export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.children ?? []) module.name = names[module.name] ?? module.name;
  });
}
