// The engine's worker, but helper threads fail to start.
import "/npm/dist/worker.js";

const serve = self.onmessage;
self.onmessage = (event) => {
  if (event.data.type === "help") throw new Error("no helpers here");
  serve(event);
};
