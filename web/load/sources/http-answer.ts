// The headers of a response → which bytes of which version of the file its body has. Whatever else needs the total or
// the version of a file takes it from here.

/** A compressed answer may have this many times the bytes that arrive: weights hardly shrink, vocabularies do. */
const maxCompression = 2;
/** Bytes that it may have besides. */
const maxSmallFile = 8 << 20;
/** The size that a compressed answer is taken to have if the server does not tell it. */
const maxUnannounced = 2 << 20;

/** The version of a file, according to the server. */
export interface Version {
  etag: string | null;
  date: string | null;
}

/** A description of the body of a response. */
export interface Answer {
  /** Whether the server sent a range: then it supports ranges. */
  isPart: boolean;
  /** Position of the first byte of the body in the file. */
  from: number;
  /** Position after the last byte of the body, if known. */
  to: number | undefined;
  /** Size of the file, if the response tells it. */
  total: number | undefined;
  /** The most bytes that the body may have, if more would show that it is compressed to exhaust memory. */
  limit: number | undefined;
  /** Whether it is a part of which the response does not tell the range. */
  isUnnamed: boolean;
  version: Version;
}

/**
 * Describes a response with a body. `asked` is the first byte of the range that was requested, if any, `size` the size
 * of the file, if known. Returns undefined for a part that cannot be used: an unreadable range, several ranges, a
 * compressed one.
 */
export function describeAnswer(
  { status, headers, type }: Response,
  asked: number | undefined,
  size: number | undefined,
): Answer | undefined {
  const isPart = status === 206;
  const encoding = headers.get("content-encoding");
  const isEncoded = !/^(identity)?$/i.test(encoding ?? "");
  // With an encoding, the length counts compressed bytes. Pages may not see whether a response of another origin has
  // one. Requests for ranges rule it out.
  const hidesEncoding = type === "cors" && encoding === null && !isPart;
  const sent = countOf(headers.get("content-length") ?? "");
  const length = isEncoded || hidesEncoding ? undefined : sent;
  const limit =
    isEncoded || (hidesEncoding && sent) ? maxCompression * (sent ?? maxUnannounced) + maxSmallFile : undefined;
  const version = { etag: headers.get("etag"), date: headers.get("last-modified") };
  if (!isPart) return { isPart, from: 0, to: length, total: length, limit, isUnnamed: false, version };
  if (isEncoded || /^\s*multipart\//i.test(headers.get("content-type") ?? "")) return undefined;
  const range = headers.get("content-range");
  if (range === null) {
    // Hidden from pages of other origins. Some servers answer with the whole file.
    const isWhole = asked === undefined || (length !== undefined && length === size);
    const from = isWhole ? 0 : asked;
    const total = isWhole ? length : undefined;
    return { isPart, from, to: length && from + length, total, limit, isUnnamed: true, version };
  }
  const [, first, last = "", total = ""] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/i.exec(range) ?? [];
  if (first === undefined) return undefined;
  return { isPart, from: Number(first), to: Number(last) + 1, total: countOf(total), limit, isUnnamed: false, version };
}

/** Returns undefined for anything but a positive integer. */
function countOf(digits: string): number | undefined {
  const count = Number(digits || NaN);
  return Number.isSafeInteger(count) && count > 0 ? count : undefined;
}

/** Without the mark of weak tags, and the suffix that servers append if they compress a response. */
const plainTag = (etag: string) => etag.replace(/^W\/|[-:;]+(gzip|br|zstd|deflate)(?="$)/g, "");

/** Whether two responses have the same version of a file; undefined if they do not tell. */
export function isSameVersion(a: Version, b: Version): boolean | undefined {
  const hasDates = a.date !== null && b.date !== null;
  if (a.etag !== null && b.etag !== null) {
    if (plainTag(a.etag) === plainTag(b.etag)) return true;
    // The machines of a service can disagree about the tag of the same file.
    return hasDates && a.date === b.date ? undefined : false;
  }
  return hasDates ? a.date === b.date : undefined;
}

/** Whether every response of this version can be told from those of other versions. */
export const isProof = ({ etag, date }: Version) => date !== null || (etag !== null && !etag.startsWith("W/"));
