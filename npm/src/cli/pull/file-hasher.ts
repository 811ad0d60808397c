// The bytes of a file in order → its SHA-256, and the checksums of its pieces for an entry of the store.
import { createHash } from "node:crypto";

import { checksum } from "../../../../web/load/integrity/checksum.js";
import { hashedPieceBytes } from "../../../../web/load/sizes.js";

export class FileHasher {
  readonly #hash = createHash("sha256");
  readonly #piece = new Uint8Array(hashedPieceBytes);
  readonly #pieces: string[] = [];
  #filled = 0;
  bytes = 0;

  add(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.bytes += bytes.length;
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + hashedPieceBytes - this.#filled);
      this.#piece.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === hashedPieceBytes) this.#endPiece();
    }
  }

  /** Ends the file. */
  digest(): { sha256: string; pieces: readonly string[] } {
    if (this.#filled > 0) this.#endPiece();
    return { sha256: this.#hash.digest("hex"), pieces: this.#pieces };
  }

  #endPiece(): void {
    this.#pieces.push(checksum(this.#piece.subarray(0, this.#filled)));
    this.#filled = 0;
  }
}
