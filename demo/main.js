// The page: reads the form and streams an answer into it. It uses only the public interface of the package.
import { CamelGPTError, CamelGPTInference } from "../npm/dist/browser.js";

/** Base URL of named releases on this page's server. */
const releases = new URL("../models/", import.meta.url).href;

const element = (id) => document.getElementById(id);
const show = (id, text) => {
  element(id).textContent = text;
};

/** The loaded model, with the source and flavour it was loaded for. */
let current;
let running;

element("form").addEventListener("submit", (event) => {
  event.preventDefault();
  void generate();
});
element("stop").addEventListener("click", () => running?.abort());
element("model").addEventListener("input", () => {
  element("file").value = ""; // the latest input counts
});

// A link can contain a model, a prompt and a flavour: ?model=…&prompt=…&flavour=simd
const query = new URLSearchParams(location.search);
for (const [name, id] of [
  ["model", "model"],
  ["prompt", "prompt"],
  ["flavour", "wanted-flavour"],
]) {
  if (query.has(name)) element(id).value = query.get(name);
}

async function generate() {
  running = new AbortController();
  setBusy(true);
  show("answer", "");
  show("speed", "–");
  element("error").hidden = true;
  try {
    await answer(running.signal);
  } catch (error) {
    if (error instanceof CamelGPTError && error.code === "aborted") show("status", "Stopped.");
    else showError(error);
  } finally {
    setBusy(false);
    running = undefined;
  }
}

async function answer(signal) {
  const model = await chosenModel(signal);
  const { engine } = await model.info();
  // The name of the kernels begins with the flavour.
  show("flavour", `${engine.kernels} · ${engine.threads} thread${engine.threads > 1 ? "s" : ""}`);
  show("status", "Generating …");

  const options = {
    maxTokens: element("max-tokens").valueAsNumber,
    temperature: element("temperature").valueAsNumber,
    signal,
  };
  const prompt = element("prompt").value;
  const stream = element("chat").checked
    ? model.chat([{ role: "user", content: prompt }], options)
    : model.stream(prompt, options);
  for await (const piece of stream) element("answer").append(piece);

  const { usage, timings, finishReason } = await stream;
  show(
    "speed",
    `${timings.decodeTokensPerSecond.toFixed(1)} tok/s for ${usage.completionTokens} tokens, ` +
      `prompt of ${usage.promptTokens} at ${timings.prefillTokensPerSecond.toFixed(0)} tok/s`,
  );
  const endings = { stop: "Done.", length: "Reached the maximum number of tokens.", abort: "Stopped." };
  show("status", endings[finishReason]);
}

/** Returns the model that the form names. Loads it unless it is loaded already. */
async function chosenModel(signal) {
  const [file] = element("file").files;
  const source = file ?? element("model").value.trim();
  const flavour = element("wanted-flavour").value;
  if (current?.source === source && current.flavour === flavour) return current.model;
  await current?.model.dispose();
  current = undefined;
  show("status", "Loading …");
  element("download").hidden = false;
  try {
    const model = await CamelGPTInference.load(source, { flavour, releases, signal, onProgress: showProgress });
    current = { source, flavour, model };
    return model;
  } finally {
    element("download").hidden = true;
  }
}

function showProgress({ file, loaded, total, progress }) {
  element("progress").value = progress;
  const megabytes = (bytes) => (bytes / 1e6).toFixed(0);
  show("progress-text", `${file}: ${megabytes(loaded)} of ${total ? megabytes(total) : "?"} MB`);
}

function showError(error) {
  const { message, expected, found, hint } = error;
  const details = [expected && `expected ${expected}`, found && `found ${found}`].filter(Boolean).join(", ");
  show("error", [message, details && `(${details})`, hint].filter(Boolean).join(" "));
  element("error").hidden = false;
  show("status", "Failed.");
}

function setBusy(busy) {
  element("generate").disabled = busy;
  element("stop").disabled = !busy;
  element("answer").setAttribute("aria-busy", String(busy));
}
