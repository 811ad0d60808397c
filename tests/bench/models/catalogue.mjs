// The models that the benchmark can measure: the published file, and synthetic ones.
import { basename } from "node:path";
import { ensureModel } from "../../../scripts/fetch-model.mjs";
import { Problem } from "../../../scripts/lib/run.mjs";
import { quantizations, shapes } from "./shapes.mjs";
import { ensureSynthetic, syntheticFolder } from "./synthetic.mjs";

const published = "smollm2-135m"; // no other name begins with "smollm2": synthetic models of this shape are "135m-…"

const synthetic = Object.keys(shapes).flatMap((shape) =>
  Object.keys(quantizations).map((quantization) => ({ name: `${shape}-${quantization}`, shape, quantization })),
);

/** Every name, in the order of a full run. */
export const modelNames = [published, ...synthetic.map(({ name }) => name)];

/** The models selected by `names`. A prefix, such as "qwen3-0.6b", selects all models that begin with it. */
export function chooseModels(names) {
  const chosen = names.flatMap((wanted) => {
    const found = modelNames.includes(wanted) ? [wanted] : modelNames.filter((name) => name.startsWith(wanted));
    if (found.length === 0) throw new Problem(`unknown model "${wanted}"; known models: ${modelNames.join(", ")}`);
    return found;
  });
  return [...new Set(chosen)];
}

/** Additional mounts of the server: URL path → folder. */
export const modelMounts = { "/synthetic/": syntheticFolder };

/** `{path, urlPath}` of a model's file, which is downloaded or written if missing. */
export async function ensureBenchModel(name) {
  const source = await ensureModel(published);
  const model = synthetic.find((each) => each.name === name);
  if (!model) return { path: source, urlPath: `/models/${name}.gguf` };
  const path = await ensureSynthetic(name, shapes[model.shape], quantizations[model.quantization], source);
  return { path, urlPath: `/synthetic/${basename(path)}` };
}
