// The files of a repository and a wanted quantisation → the files of one model.
import { CamelGPTError, excerpt } from "../../errors.js";
import { nearest } from "../../nearest.js";
import type { HubFile } from "./hub-files.js";
import type { HubName } from "./hub-name.js";

/** Quantisations by preference: small and fast first, then more exact, then smaller at a loss. */
const preferred = (
  "Q4_K_M Q4_0 Q4_1 Q5_K_M Q8_0 Q4_K_S IQ4_NL IQ4_XS Q5_K_S Q5_0 Q5_1 Q6_K Q4_K_L Q5_K_L " +
  "MXFP4 F16 BF16 Q3_K_M Q3_K_L Q3_K_S IQ3_S IQ3_M IQ3_XS Q2_K F32"
).split(" ");

/** Files that go with a model: of a projector for images, of an importance matrix, of a vocabulary. */
const notModel = /(^|[-_./])(mmproj|imatrix|ggml-vocab)([-_.]|$)/i;
const shard = /-(\d{5})-of-(\d{5})\.gguf$/i;
const quantisation = /(?:^|[-._/])((?:UD-)?(?:I?Q\d_\w+|MXFP4(?:_MOE)?|TQ\d_\d|BF16|F16|FP16|F32|FP32))(?=[-.]|$)/gi;

const maxNamed = 12;

export interface ChosenFiles {
  /** In order; several if the model is split. */
  files: HubFile[];
  /** The quantisation in the name of the file, if there is one. */
  quantisation: string | undefined;
  /** Whether the name left a choice. */
  wasChosen: boolean;
}

interface Model {
  /** The path without the number of a shard. */
  path: string;
  files: HubFile[];
  quantisation: string | undefined;
}

/** Errors: `not-found`, and `bad-option` if several models fit. */
export function chooseFile(all: readonly HubFile[], name: HubName): ChosenFiles {
  const models = modelsOf(all);
  if (name.file !== undefined) return named(models, all, name, name.file);
  const candidates = models.filter(({ path }) => !notModel.test(path));
  if (candidates.length === 0) throw noModel(name);
  if (name.quantisation !== undefined) {
    const wanted = name.quantisation.toUpperCase();
    const fitting = candidates.filter((model) => model.quantisation === wanted);
    if (fitting.length === 0) throw noQuantisation(candidates, name);
    return { ...onlyOne(fitting, name), wasChosen: false };
  }
  const best = preferred.find((each) => candidates.some((model) => model.quantisation === each));
  const fitting = best === undefined ? candidates : candidates.filter((model) => model.quantisation === best);
  return { ...onlyOne(fitting, name), wasChosen: candidates.length > 1 };
}

function named(models: readonly Model[], all: readonly HubFile[], name: HubName, file: string): ChosenFiles {
  const isOf = (each: HubFile) => each.path === file;
  const model = models.find(({ files }) => files.some(isOf));
  if (model) return { ...model, wasChosen: false };
  const near = nearest(
    file,
    all.map(({ path }) => path),
  );
  throw new CamelGPTError("not-found", `There is no file ${excerpt(file)} in ${name.repository}.`, {
    expected: listOf(all.map(({ path }) => path)) || "a GGUF file",
    found: excerpt(file),
    hint: near ? `Did you mean ${name.repository}/${near}?` : "Check the name: upper and lower case matter.",
  });
}

/** Groups the shards of each model. Incomplete models are left out. */
function modelsOf(all: readonly HubFile[]): Model[] {
  const groups = new Map<string, HubFile[]>();
  for (const file of [...all].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const path = file.path.replace(shard, ".gguf");
    const key = path === file.path ? path : `${path} of ${shard.exec(file.path)?.[2]}`;
    groups.set(key, [...(groups.get(key) ?? []), file]);
  }
  return [...groups.values()].flatMap((files) => {
    const [, , count = "1"] = shard.exec(files[0]!.path) ?? [];
    if (files.length !== Number(count)) return [];
    const path = files[0]!.path.replace(shard, ".gguf");
    return [{ path, files, quantisation: quantisationOf(path) }];
  });
}

/** That of the file name, or else that of a folder. */
function quantisationOf(path: string): string | undefined {
  return [...path.replace(/\.gguf$/i, "").matchAll(quantisation)].at(-1)?.[1]?.toUpperCase().replace(/^FP/, "F");
}

function onlyOne(models: readonly Model[], { repository }: HubName): Model {
  const [first, ...others] = models as [Model, ...Model[]];
  if (others.length === 0) return first;
  throw new CamelGPTError("bad-option", `${repository} has several models that fit.`, {
    expected: "the name of one file",
    found: listOf(models.map(({ path }) => path)),
    hint: `Name the file, for example ${repository}/${first.files[0]!.path}.`,
  });
}

function noModel({ repository }: HubName): CamelGPTError {
  return new CamelGPTError("not-found", `There is no GGUF file in ${repository}.`, {
    expected: "a repository with a file *.gguf",
    found: "none",
    hint: "Repositories with GGUF files often have names that end with -GGUF.",
  });
}

function noQuantisation(models: readonly Model[], { repository, quantisation: wanted = "" }: HubName): CamelGPTError {
  const known = [...new Set(models.map((model) => model.quantisation ?? model.path))];
  const near = nearest(wanted, known);
  return new CamelGPTError("not-found", `${repository} has no model in ${excerpt(wanted)}.`, {
    expected: listOf(known),
    found: excerpt(wanted),
    hint: near && `Did you mean ${repository}:${near}?`,
  });
}

const listOf = (names: readonly string[]) =>
  names.slice(0, maxNamed).join(", ") + (names.length > maxNamed ? ` and ${names.length - maxNamed} more` : "");
