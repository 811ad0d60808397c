// The names of a split model's files, each of which contains its number: …-00001-of-00003.gguf.
import { CamelGPTError, excerpt } from "../../errors.js";
import { fileName } from "../names.js";

const pathPattern = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/is;
const urlPattern = /^([^?#]*)-(\d{5})-of-(\d{5})\.gguf([?#].*)?$/i;

interface ShardName {
  /** The common beginning of all names, including the folder. */
  stem: string;
  /** Counted from 1. */
  number: number;
  count: number;
  /** Query and fragment. */
  suffix: string;
}

function parse(name: string, isAddress: boolean): ShardName | undefined {
  const [, stem = "", number, count, suffix = ""] = (isAddress ? urlPattern : pathPattern).exec(name) ?? [];
  return Number(count) > 1 ? { stem, number: Number(number), count: Number(count), suffix } : undefined;
}

const digits = (number: number) => String(number).padStart(5, "0");
const nameOf = ({ stem, count, suffix }: ShardName, number: number) =>
  `${stem}-${digits(number)}-of-${digits(count)}.gguf${suffix}`;

/**
 * Returns the paths or URLs of all files of a model, given that of the first file; undefined if the name has another
 * form. `isAddress`: whether the name is a URL.
 * Errors: `bad-option` for a file other than the first.
 */
export function shardNames(name: string, isAddress: boolean): string[] | undefined {
  const first = parse(name, isAddress);
  if (!first) return undefined;
  if (first.number !== 1) {
    throw new CamelGPTError("bad-option", `${excerpt(fileName(name, isAddress))} is not the first file of its model.`, {
      expected: `file 1 of ${first.count}`,
      found: `file ${first.number}`,
      hint: `Name ${fileName(nameOf(first, 1), isAddress)}: the names of the others follow from it.`,
    });
  }
  return Array.from({ length: first.count }, (_, i) => nameOf(first, i + 1));
}

/**
 * Sorts the files of a split model by the numbers in their names, which have neither folder nor query; keeps the order
 * if any name has no number.
 * Errors: `bad-option` if they are not the files of one model, `not-found` if one is missing.
 */
export function sortShards<T>(files: readonly T[], name: (file: T) => string): readonly T[] {
  const parsed = files.map((file) => ({ file, shard: parse(name(file), false) }));
  const first = parsed[0]?.shard;
  if (!first || parsed.some(({ shard }) => !shard)) return files;
  const other = parsed.find(({ shard }) => shard?.stem !== first.stem || shard.count !== first.count);
  if (other) throw notOneModel(`${first.count} files ${first.stem}-…`, excerpt(name(other.file)));
  const sorted = Array.from({ length: first.count }, (_, i) => {
    const found = parsed.find(({ shard }) => shard?.number === i + 1);
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
