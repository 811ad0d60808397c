// Native llama.cpp through node-llama-cpp as a child process: requests come as messages, measurements go back.
//   {prompt, tokens} → {promptTokens, prefill, decode}   (tokens a second)
import { getLlama, LlamaLogLevel } from "node-llama-cpp";

const [modelPath, threads] = [process.argv[2], Number(process.argv[3])];
const llama = await getLlama({ build: "never", gpu: false, maxThreads: threads, logLevel: LlamaLogLevel.error });
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({ contextSize: 1024, batchSize: 512, threads });

async function measure({ prompt, tokens }) {
  const ids = model.tokenize(prompt, true);
  const sequence = context.getSequence();
  const started = performance.now();
  await sequence.evaluateWithoutGeneratingNewTokens(ids.slice(0, -1));
  const prefilled = performance.now();
  let generated = 0;
  for await (const token of sequence.evaluate(ids.slice(-1), { temperature: 0, yieldEogToken: true })) {
    if (token === undefined || ++generated === tokens) break;
  }
  const ended = performance.now();
  sequence.dispose();
  return {
    promptTokens: ids.length,
    prefill: ((ids.length - 1) / (prefilled - started)) * 1000,
    decode: (generated / (ended - prefilled)) * 1000,
  };
}

process.on("message", async (request) => process.send(await measure(request)));
process.on("disconnect", () => process.exit(0));
process.send({ ready: true });
