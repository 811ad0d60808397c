// Runs the script in a service worker: receives options, posts the results.
import { CamelGPTInference } from "/package/service-worker.js";
import { tryPackage } from "./script.mjs";

globalThis.onmessage = (event) => {
  const answer = (result) => event.source.postMessage(result);
  event.waitUntil(tryPackage(CamelGPTInference, event.data).then(answer, (error) => answer(String(error))));
};
