/** The name of the release in the package. */
export const packagedRelease = "camelgpt-mini";
