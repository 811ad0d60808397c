// The engine's worker, except that one which is to help fails.
import "/npm/dist/worker.js";

const serve = self.onmessage;
self.onmessage = (event) => {
  if (event.data.type === "help") throw new Error("no helpers here");
  serve(event);
};
