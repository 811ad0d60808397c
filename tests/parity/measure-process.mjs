// measure.mjs as a child process, for a Node with other flags or on another processor: requests come as messages, results go back.
import { measure } from "./measure.mjs";

process.on("message", async (request) => process.send(await measure(request)));
