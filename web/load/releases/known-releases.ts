// The names of the official releases.

/** The release in the package. */
export const packagedRelease = "camelgpt-mini";

export const knownReleases: readonly string[] = [packagedRelease, "smollm2-135m"];
