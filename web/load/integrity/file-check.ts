// The hashes with which the bytes of a file are compared.

/** The expected hashes of a file. */
export type FileCheck = PieceHashes | FileHash;

/** One SHA-256 of the whole file, in hexadecimal: the verdict comes at the end of the file. */
export interface FileHash {
  sha256: string;
  /** Whether a kept copy that was once compared with this hash is not hashed again. */
  isTrustedIfKept?: boolean | undefined;
}

/** A hash for each piece of a file: SHA-256 in hexadecimal, or another hash. */
export interface PieceHashes {
  bytes: number;
  /** Size of all pieces but the last. */
  pieceBytes: number;
  pieces: readonly string[];
  /** SHA-256 of the whole file in hexadecimal, which is compared in addition to the pieces. */
  wholeSha256?: string | undefined;
  blocks?: BlockHashes | undefined;
}

/** The file with the hashes of small blocks, by which ranges of weights at a URL are verified. */
export interface BlockHashes {
  url: string;
  check: PieceHashes;
}
