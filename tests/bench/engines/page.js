// The browser's side: `window.startEngine(kind)` once, then `window.ask(name, params)` for each request.
import { answering } from "./answers.js";

const kinds = {
  async camelgpt() {
    const { CamelGPTInference } = await import("@gpt-research/camelgpt-inference");
    return (await import("./camelgpt.js")).camelgptEngine(CamelGPTInference, (url) =>
      WebAssembly.compileStreaming(fetch(url)),
    );
  },
  async wllama() {
    return (await import("./wllama.js")).wllamaEngine("@wllama/wllama");
  },
  async "wllama-newest"() {
    return (await import("./wllama.js")).wllamaEngine("wllama-newest");
  },
};

window.startEngine = async (kind) => {
  window.ask = answering(await kinds[kind]());
};
