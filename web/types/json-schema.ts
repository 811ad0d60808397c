// JSON schemas as values.

/** A JSON schema, draft 2020-12. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown };
