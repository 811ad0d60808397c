// The models that an adapter answers for, by the names that requests give.
import type { ModelInfo } from "../../../web/types.js";
import type { CamelGPTInferenceBase } from "../camelgpt-inference.js";
import { ApiError } from "./api-error.js";
import type { ModelEntry, ModelList } from "./types.js";

/** A model, and the name that its answers carry. */
export interface NamedModel {
  model: CamelGPTInferenceBase;
  name: string;
  /** Changes when answers may: another file, build of the engine or setting. */
  fingerprint: string;
}

export class Models {
  readonly #model: CamelGPTInferenceBase;
  readonly #name: string | undefined;
  readonly #others: ReadonlyMap<string, CamelGPTInferenceBase>;
  readonly #created = seconds();

  constructor(
    model: CamelGPTInferenceBase,
    name: string | undefined,
    others: Readonly<Record<string, CamelGPTInferenceBase>>,
  ) {
    this.#model = model;
    this.#name = name;
    this.#others = new Map(Object.entries(others));
  }

  /**
   * Returns the model of this name. If there is only one model, it has every name, since programs written for OpenAI
   * send the names of OpenAI's models.
   */
  async find(name: string | undefined): Promise<NamedModel> {
    const other = name === undefined ? undefined : this.#others.get(name);
    if (other && name !== undefined) return named(other, name);
    const first = await named(this.#model, this.#name);
    if (name !== undefined && name !== first.name && this.#others.size > 0) throw unknownModel(name);
    return first;
  }

  async list(): Promise<ModelList> {
    const { name } = await named(this.#model, this.#name);
    return { object: "list", data: [name, ...this.#others.keys()].map((id) => this.#entry(id)) };
  }

  async retrieve(id: string): Promise<ModelEntry> {
    const { data } = await this.list();
    const found = data.find((entry) => entry.id === id);
    if (!found) throw unknownModel(id);
    return found;
  }

  #entry(id: string): ModelEntry {
    return { id, object: "model", created: this.#created, owned_by: "camelgpt" };
  }
}

async function named(model: CamelGPTInferenceBase, name: string | undefined): Promise<NamedModel> {
  const info = await model.info();
  return { model, name: name ?? nameOf(info), fingerprint: fingerprintOf(info) };
}

/** `SmolLM2 135M Instruct` becomes `smollm2-135m-instruct`. */
function nameOf({ release, name, architecture }: ModelInfo): string {
  const words = (release?.name || name || architecture).toLowerCase();
  return words.replace(/[^a-z0-9.]+/g, "-").replace(/^-+|-+$/g, "") || "model";
}

/** FNV-1a of what decides about the bits of an answer. */
function fingerprintOf({ architecture, name, memoryPlan, engine }: ModelInfo): string {
  let hash = 0x811c9dc5;
  for (const character of JSON.stringify([architecture, name, memoryPlan, engine.flavour, engine.kernels]))
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return `fp_${(hash >>> 0).toString(16).padStart(8, "0")}`;
}

function unknownModel(name: string): ApiError {
  return new ApiError(`There is no model ${JSON.stringify(name)}.`, {
    status: 404,
    type: "invalid_request_error",
    param: "model",
    code: "model_not_found",
  });
}

/** The fields with which every answer begins. */
export function answerHead(prefix: string, { name, fingerprint }: NamedModel) {
  return { id: `${prefix}-${randomId()}`, created: seconds(), model: name, system_fingerprint: fingerprint };
}

function seconds(): number {
  return Math.floor(Date.now() / 1000);
}

function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
