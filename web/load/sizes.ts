// Sizes, in bytes, of what is read, hashed or fed at a time, and limits of small files.

/** A piece of a file that has its own hash: in the manifest of a release (SHA-256) and in the store (checksum). */
export const hashedPieceBytes = 1 << 20;
/**
 * Limit of files of releases whose SHA-256 is compared in every load, in addition to those of the pieces. It takes 9 ms
 * a megabyte.
 */
export const maxWholeHashBytes = 8 << 20;
/** A block of a release's weights that has its own hash; the last block can be shorter. */
export const hashedBlockBytes = 4096;
/** The part of a block's SHA-256 that the .blocks file holds. */
export const blockHashBytes = 16;

/**
 * A range that one of several parallel connections requests. Bytes received ahead of time wait in the network's
 * buffers.
 */
export const parallelRangeBytes = 2 << 20;
/** A read while the header is incomplete, if the bytes after the header may be unwanted. */
export const headerReadBytes = 64 << 10;
/** A read of a background load: steps of the model run in between. */
export const backgroundReadBytes = 256 << 10;
/** A read of a kept copy whose hash is compared before it is used. */
export const hashReadBytes = 1 << 18;
/** The buffer through which a stream is read. */
export const streamBufferBytes = 1 << 20;

/** Limit of the header of a model unless the user sets one. */
export const defaultHeaderBytes = 64 << 20;
/** Limit of a manifest and of an entry of the store. */
export const maxManifestBytes = 16 << 20;
export const maxSidecarBytes = 64 << 20;
