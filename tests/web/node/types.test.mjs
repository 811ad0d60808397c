// The declarations of the package, as a user's compiler reads them.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";

import { typeErrors } from "../lib/type-errors.mjs";

test("the declarations compile with lib ES2022 and DOM, and a model can be declared with `await using`", () => {
  const manifest = createRequire(import.meta.url).resolve("typescript/package.json");
  assert.equal(typeErrors(join(manifest, "../bin/tsc")), "");
});
