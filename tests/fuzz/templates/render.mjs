// A worker with little memory that renders templates and tells which limit each breaks.
import { parentPort, workerData } from "node:worker_threads";

const { renderToData } = await import(workerData.address);
const messages = [
  { role: "system", content: "You are a poet." },
  { role: "user", content: "Hello, <b>world</b>! 語😀" },
  {
    role: "assistant",
    content: "x".repeat(50),
    tool_calls: [{ function: { name: "f", arguments: { a: [1, 2.5, null] } } }],
  },
  { role: "user", content: "?" },
];
const cpuUsage = process.threadCpuUsage ?? process.cpuUsage;

/** The CPU time in ms, and the result. */
function measure(template) {
  const start = cpuUsage.call(process);
  const result = renderToData({ template, messages, addGenerationPrompt: true, bosText: "<s>", eosText: "</s>" });
  const end = cpuUsage.call(process);
  return { ms: (end.user + end.system - start.user - start.system) / 1000, result };
}

parentPort.on("message", (template) => {
  let { ms, result } = measure(template);
  // A second look: a slow first one may be the compiler's or the collector's.
  for (let i = 0; i < 2 && ms > workerData.maxMilliseconds; i++) ms = Math.min(ms, measure(template).ms);
  const { prompt, error } = result;
  let wrong;
  if (!prompt && !/^bad-(template|input)$/.test(error?.code)) wrong = `an error with the code ${error?.code}`;
  if (ms > workerData.maxMilliseconds) wrong = `${ms.toFixed(0)} ms of work`;
  if ((prompt?.text.length ?? 0) > 1_100_000) wrong = `${prompt.text.length} characters of output`;
  if ((error?.message.length ?? 0) > 600) wrong = `a message of ${error.message.length} characters`;
  const outcome = prompt ? "rendered" : error.message.replace(/\d+/g, "N").slice(0, 80);
  parentPort.postMessage({ ms, wrong, outcome });
});
parentPort.postMessage("ready");
