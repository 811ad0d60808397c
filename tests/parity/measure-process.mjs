// Runs measure.mjs in a child process, for a Node with other flags or on another processor. Requests arrive as
// messages, results are sent back.
import { measure } from "./measure.mjs";

process.on("message", async (request) => process.send(await measure(request)));
