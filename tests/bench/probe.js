// A probe: a WebAssembly module of a benchmark, which needs nothing from JavaScript. Runs in every runtime.

/** Instantiates a compiled probe and returns its exports. */
export async function instantiateProbe(module) {
  const unused = () => {
    throw new Error("the probe must not import anything");
  };
  const imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) (imports[from] ??= {})[name] = unused;
  imports.env = { ...imports.env, emscripten_notify_memory_growth() {} };
  const { exports } = await WebAssembly.instantiate(module, imports);
  exports._initialize?.();
  return exports;
}
