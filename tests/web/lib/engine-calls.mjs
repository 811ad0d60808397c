// The calls of the worker's protocol, without the class around them.
import { once } from "node:events";
import { Worker } from "node:worker_threads";

/** Starts a worker and loads a model in it. */
export async function startEngine(path, { memory = {}, epdp = "off", engine = {}, sidecar } = {}) {
  const worker = new Worker(new URL("../../../npm/dist/node-worker.js", import.meta.url), { execArgv: [] });
  let lastId = 0;
  const pending = new Map();
  worker.on("message", (message) => {
    const call = pending.get(message.id);
    if (message.type === "event") return call?.onEvent?.(message.event);
    pending.delete(message.id);
    if (message.type === "value") call?.resolve(message.value);
    else call?.reject(Object.assign(new Error(message.error.message), message.error));
  });
  worker.on("error", (error) => {
    for (const { reject } of pending.values()) reject(error);
  });
  const call = (name, params, onEvent) =>
    new Promise((resolve, reject) => {
      const id = ++lastId;
      pending.set(id, { resolve, reject, onEvent });
      worker.postMessage({ type: "call", id, name, params });
    });
  const model = await call("load", {
    location: { kind: "path", path },
    memory,
    epdp,
    eager: false,
    toEnd: false,
    sidecar,
    calibrationText: undefined,
    sampling: undefined,
    maxHeaderBytes: 2 ** 28,
    engine: { flavour: process.env.FLAVOUR ?? "auto", threads: 1, ...engine },
  });
  return {
    model,
    call,
    generate: (prompt, { grammar, keepControl, stop = [], logitBias = [], ...sampling } = {}, onEvent) =>
      call(
        "generate",
        {
          prompt,
          addSpecial: true,
          parseSpecial: true,
          sampling: { seed: 1, maxTokens: 64, ...sampling },
          stop,
          logitBias,
          grammar,
          keepControl,
          reportsProgress: false,
        },
        onEvent,
      ),
    match: (text, grammar) => call("match", { text, grammar }),
    async end() {
      void worker.terminate();
      await once(worker, "exit");
    },
  };
}
