// The engine's worker for Node, but a message `{ type: "kill" }` ends its helper threads.
import { parentPort } from "node:worker_threads";

import "../../../npm/dist/node-worker.js";

const helpers = [];
process.on("worker", (helper) => helpers.push(helper));
parentPort?.on("message", ({ type }) => type === "kill" && helpers.splice(0).forEach((helper) => helper.terminate()));
