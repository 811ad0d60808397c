// Runs the script in a shared worker: receives options, posts the results.
import { CamelGPTInference } from "/package/browser.js";
import { tryPackage } from "./script.mjs";

globalThis.onconnect = ({ ports: [port] }) => {
  port.onmessage = ({ data }) =>
    tryPackage(CamelGPTInference, data).then(
      (answer) => port.postMessage(answer),
      (error) => port.postMessage(String(error)),
    );
};
