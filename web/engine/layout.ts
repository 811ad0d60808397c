// Structs of the core in linear memory ↔ objects, according to the layouts that are generated from the core's tables.
import type { DeepPartial, FieldLayout, RecordLayout } from "./records.js";

/** Keeps a byte order mark, which is a character like any other. */
export const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The suffix of the DataView methods that read and write each type. */
const numbers = {
  bool: "Uint8",
  enum: "Uint8",
  u32: "Uint32",
  i32: "Int32",
  "i32?": "Int32",
  u64: "BigUint64",
  f32: "Float32",
  "f32?": "Float32",
  text: "Uint32",
} as const;

/** Returns the record at an address of linear memory as an object. */
export function readRecord<T>(memory: ArrayBufferLike, address: number, { fields }: RecordLayout<T>): T {
  const view = new DataView(memory);
  const record: Partial<T> = {};
  for (const name in fields) record[name] = readField(view, address + fields[name][1], fields[name]) as T[typeof name];
  return record as T;
}

function readField(view: DataView, at: number, layout: FieldLayout): unknown {
  const [type, , of, names] = layout;
  if (type === "record") return readRecord(view.buffer, at, of);
  if (type === "records")
    return Object.fromEntries(names.map((name, i) => [name, readRecord(view.buffer, at + i * of.size, of)]));
  const value = Number(view[`get${numbers[type]}`](at, true));
  if (type === "bool") return value !== 0;
  if (type === "enum") return of[value];
  if (type === "text") return readText(view.buffer, value);
  return type.endsWith("?") && value < 0 ? null : value;
}

/** Fields that are not given keep their values. A value that a field cannot hold becomes one that the core rejects. */
export function writeRecord<T>(
  memory: ArrayBufferLike,
  address: number,
  { fields }: RecordLayout<T>,
  record: DeepPartial<T>,
): void {
  const view = new DataView(memory);
  for (const name in fields) {
    if (record[name] !== undefined) writeField(view, address + fields[name][1], fields[name], record[name]);
  }
}

function writeField(view: DataView, at: number, layout: FieldLayout, value: unknown): void {
  const isWhole = Number.isSafeInteger(value) && (value as number) >= 0;
  if (layout[0] === "record") writeRecord(view.buffer, at, layout[2], value as object);
  else if (layout[0] === "enum")
    view.setUint8(at, layout[2].indexOf(value as string)); // 255 for an unknown name
  else if (layout[0] === "u64") view.setBigUint64(at, isWhole ? BigInt(value as number) : -1n, true);
  else if (layout[0] === "u32")
    view.setUint32(at, isWhole && (value as number) < 2 ** 32 ? (value as number) : -1, true);
  else if (layout[0] === "f32") view.setFloat32(at, value as number, true);
  else view.setUint8(at, Number(value));
}

/** Returns a NUL-terminated text. */
export function readText(memory: ArrayBufferLike, address: number): string {
  const heap = new Uint8Array(memory);
  return decoder.decode(heap.slice(address, heap.indexOf(0, address))); // a decoder rejects shared memory
}
