// The names of a split model's files, of which each tells its place: …-00001-of-00003.gguf.
import { CamelGPTError, excerpt } from "../../errors.js";
import { fileName } from "./source.js";

const pattern = /^([^?#]*)-(\d{5})-of-(\d{5})\.gguf([?#].*)?$/i;

interface ShardName {
  /** What all files of the model have in common, the folder included. */
  stem: string;
  /** From 1 on. */
  number: number;
  count: number;
  /** Query and fragment. */
  end: string;
}

function parse(name: string): ShardName | undefined {
  const [, stem = "", number, count, end = ""] = pattern.exec(name) ?? [];
  return Number(count) > 1 ? { stem, number: Number(number), count: Number(count), end } : undefined;
}

const digits = (number: number) => String(number).padStart(5, "0");
const nameOf = ({ stem, count, end }: ShardName, number: number) =>
  `${stem}-${digits(number)}-of-${digits(count)}.gguf${end}`;

/** The paths or URLs of all files of the model whose first one is named; undefined where that is no name of this form. Errors: `bad-option` for another one. */
export function shardsOf(name: string): string[] | undefined {
  const first = parse(name);
  if (!first) return undefined;
  if (first.number !== 1) {
    throw new CamelGPTError("bad-option", `${excerpt(fileName(name))} is not the first file of its model.`, {
      expected: `file 1 of ${first.count}`,
      found: `file ${first.number}`,
      hint: `Name ${fileName(nameOf(first, 1))}: the others are found by its name.`,
    });
  }
  return Array.from({ length: first.count }, (_, i) => nameOf(first, i + 1));
}

/** The files in the order that their names tell; as they are given where one name tells nothing. Errors: `bad-option` where they are not those of one model. */
export function inOrder<T>(files: readonly T[], name: (file: T) => string): readonly T[] {
  const named = files.map((file) => ({ file, place: parse(fileName(name(file))) }));
  const first = named[0]?.place;
  if (!first || named.some(({ place }) => !place)) return files;
  const other = named.find(({ place }) => place?.stem !== first.stem || place.count !== first.count);
  if (other) throw notOneModel(`${first.count} files ${first.stem}-…`, excerpt(name(other.file)));
  const sorted = Array.from({ length: first.count }, (_, i) => {
    const found = named.find(({ place }) => place?.number === i + 1);
    if (found) return found.file;
    throw new CamelGPTError("not-found", `The file ${nameOf(first, i + 1)} is missing.`, {
      expected: `${first.count} files`,
      found: `${files.length}`,
      hint: "Give all files of the model.",
    });
  });
  if (files.length > first.count) throw notOneModel(`${first.count} files, each once`, `${files.length} files`);
  return sorted;
}

function notOneModel(expected: string, found: string): CamelGPTError {
  return new CamelGPTError("bad-option", "These are not the files of one model.", {
    expected,
    found,
    hint: "Give each file of the model once.",
  });
}
