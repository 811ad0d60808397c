// llama.cpp's token ids through node-llama-cpp, as a child process. Arguments: its modules folder, and a JSON file of
// [{path, texts}…], vocabularies as GGUF files without weights. Sends [[ids of a text…]…] as a message.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, requests] = process.argv.slice(2);
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(join(modules, "node-llama-cpp/dist/index.js")).href);
const llama = await getLlama({ build: "never", gpu: false, logLevel: LlamaLogLevel.fatal });
const answers = [];
for (const { path, texts } of JSON.parse(readFileSync(requests, "utf8"))) {
  const model = await llama.loadModel({ modelPath: path, vocabOnly: true });
  answers.push(texts.map((text) => [...model.tokenize(text, true)]));
  await model.dispose();
}
process.send(answers, () => process.exit(0));
