// Runs the script in runtimes with a command line: node main.mjs '{"model": …}' prints the results as JSON.
import { CamelGPTInference } from "@gpt-research/camelgpt-inference";
import { camelgpt } from "@gpt-research/camelgpt-inference/ai-sdk";
import { createOpenAI } from "@gpt-research/camelgpt-inference/openai";
import { createLanguageModel } from "@gpt-research/camelgpt-inference/prompt-api";
import { tryPackage } from "./script.mjs";

const adapters = { camelgpt, createOpenAI, createLanguageModel };
console.log(JSON.stringify(await tryPackage(CamelGPTInference, adapters, JSON.parse(process.argv.at(-1)))));
