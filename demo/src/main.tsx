import { CamelGPTInference } from "@gpt-research/camelgpt-inference";
import { render } from "preact";
import { App } from "./app.js";
import { acceptDroppedModels } from "./model/drop.js";
import { localModels } from "./model/local-models.js";
import { loadModel } from "./state/model.js";
import { settings } from "./state/settings.js";
import "./style.css";

render(<App />, document.getElementById("app")!);
acceptDroppedModels();
void loadWhatIsHere();
// Without storage the page still works online.
if (import.meta.env.PROD) navigator.serviceWorker?.register("./service-worker.js").catch(() => {});

/** Loads the chosen model immediately if that downloads nothing from elsewhere. */
async function loadWhatIsHere(): Promise<void> {
  const { model } = settings.value;
  const isLocal = model === "camelgpt-mini" || (await localModels()).some(({ name }) => name === model);
  if (isLocal || (await isKept(model).catch(() => false))) await loadModel(model);
}

/** Whether this browser keeps the download of a name of the catalogue, or of an address. */
async function isKept(model: string): Promise<boolean> {
  const [kept, entries] = await Promise.all([CamelGPTInference.listCached(), CamelGPTInference.listCatalogue()]);
  const file = entries.find(({ name }) => name === model)?.file;
  return kept.some(({ url }) => url === model || (file !== undefined && url.endsWith(`/${file}`)));
}
