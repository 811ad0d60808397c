// An open file → its lines, one at a time: memory is bounded by the longest line that is allowed.
import type { FileHandle } from "node:fs/promises";

export interface Line {
  /** Counts from 1. */
  number: number;
  /** Offset in the file of the first byte. */
  begin: number;
  /** Offset after the line break. */
  end: number;
  /** Without the line break. Undefined if `fault` says why. */
  text: string | undefined;
  fault: "too-long" | "not-utf8" | undefined;
  /** Whether it ends with a line break. Only the last line of a file can lack it. */
  isComplete: boolean;
}

const readBytes = 256 << 10;
const lineBreak = 0x0a;

/** Reads lines up to the offset `end`. The text of a line with more than `maxBytes` bytes is skipped. */
export async function* readLines(file: FileHandle, end: number, maxBytes: number): AsyncGenerator<Line> {
  const buffer = Buffer.alloc(readBytes);
  let [number, begin, position] = [1, 0, 0];
  let pieces: Buffer[] = [];
  const lineOf = (last: Buffer, after: number, isComplete: boolean): Line => {
    const isTooLong = after - begin - (isComplete ? 1 : 0) > maxBytes;
    const text = isTooLong ? undefined : decode(pieces.length === 0 ? last : Buffer.concat([...pieces, last]));
    const fault = isTooLong ? "too-long" : text === undefined ? "not-utf8" : undefined;
    const line = { number, begin, end: after, text, fault, isComplete } as const;
    pieces = [];
    begin = after;
    number++;
    return line;
  };
  while (position < end) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, end - position), position);
    if (bytesRead === 0) break; // the file has become shorter
    const filled = buffer.subarray(0, bytesRead);
    let from = 0;
    for (let at = filled.indexOf(lineBreak); at >= 0; at = filled.indexOf(lineBreak, from)) {
      yield lineOf(filled.subarray(from, at), position + at + 1, true);
      from = at + 1;
    }
    position += bytesRead;
    if (position - begin > maxBytes) pieces = [];
    else if (from < bytesRead) pieces.push(Buffer.from(filled.subarray(from)));
  }
  if (position > begin) yield lineOf(Buffer.alloc(0), position, false);
}

function decode(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
