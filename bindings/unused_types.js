// Embind's runtime registers converters for every type that a binding could use. Ours use numbers and booleans only:
// without the other converters, a worker is 1.4 KB smaller with gzip. Emscripten requires the parameters.
addToLibrary({
  _embind_register_std_string: (_type, _name) => {},
  _embind_register_std_string__deps: [],
  _embind_register_std_wstring: (_type, _size, _name) => {},
  _embind_register_std_wstring__deps: [],
  _embind_register_memory_view: (_type, _index, _name) => {},
  _embind_register_memory_view__deps: [],
  _embind_register_emval: (_type) => {},
  _embind_register_emval__deps: [],
});
