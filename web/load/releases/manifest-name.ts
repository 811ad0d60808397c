/** The name of a release's manifest, in the folder of the release. */
export const manifestName = "camelgpt.json";
