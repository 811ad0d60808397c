// A real Chromium, and the repository's server for it.
import { join } from "node:path";

import { chromium } from "playwright-core";

import { repositoryRoot } from "../../../scripts/lib/run.mjs";
import { serve } from "../../../scripts/serve.mjs";
import { chromiumFlags } from "./chromium-flags.mjs";
import { modelPath } from "./model.mjs";

/** The strictest policy that the package supports. */
export const strictPolicy = "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'";

/** Serves the repository, with the test model as the release smollm2-135m, and the repository's releases as folders. */
export function startSite({ policy, isolated, headers = {} } = {}) {
  return serve({
    port: 0,
    isolated,
    models: { "smollm2-135m": modelPath },
    mounts: { "/tests/web/lib/": join(repositoryRoot, "tests/web/lib"), "/releases/": join(repositoryRoot, "models") },
    headers: { ...headers, ...(policy && { "content-security-policy": policy }) },
  });
}

/** `more`: additional command-line arguments. */
export function openBrowser(more = []) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
    args: [...chromiumFlags, ...more],
  });
}
