// Our engine in Node, Deno or Bun, which all run this script.
import { readFile } from "node:fs/promises";
import { CamelGPTInference } from "../../../npm/dist/node.js";
import { camelgptEngine } from "./camelgpt.js";
import { answerLines } from "./lines.mjs";

await answerLines(camelgptEngine(CamelGPTInference, async (path) => WebAssembly.compile(await readFile(path))));
