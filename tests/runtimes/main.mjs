// Runs the script in runtimes with a command line: node main.mjs '{"model": …}' prints the results as JSON.
import { CamelGPTInference } from "@gpt-research/camelgpt-inference";
import { tryPackage } from "./script.mjs";

console.log(JSON.stringify(await tryPackage(CamelGPTInference, JSON.parse(process.argv.at(-1)))));
