// Tries the package in a shared worker: options in, what came out back.
import { CamelGPTInference } from "/package/browser.js";
import { tryPackage } from "./script.mjs";

globalThis.onconnect = ({ ports: [port] }) => {
  port.onmessage = ({ data }) =>
    tryPackage(CamelGPTInference, data).then(
      (answer) => port.postMessage(answer),
      (error) => port.postMessage(String(error)),
    );
};
