// Shared by the tests of eager loading.

/** A prompt whose next tokens are certain, so that few rows of the head decide them. */
export const prompt = "1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7 8";

/**
 * A link for startSlowServer: slow enough for the first token to come before the last byte, even on a busy machine, and
 * slower while the load measures it.
 */
export const gradual = { bytesPerSecond: 25e6, slowBytes: 8e6 };
