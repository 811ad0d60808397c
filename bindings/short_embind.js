// Embind's runtime, for what our bindings use: functions with numbers and booleans. The complete runtime also converts
// texts, objects and 64-bit integers, and describes mistakes in bindings; without it, a worker is 3 KB smaller with
// gzip. Emscripten requires all parameters.
addToLibrary({
  /** Type → the function that converts a result. WebAssembly itself converts arguments. */
  $resultConverters: {},

  _embind_register_void: (type, _name) => {
    resultConverters[type] = () => {};
  },
  _embind_register_void__deps: ["$resultConverters"],
  _embind_register_bool: (type, _name, _trueValue, _falseValue) => {
    resultConverters[type] = (value) => !!value;
  },
  _embind_register_bool__deps: ["$resultConverters"],
  _embind_register_integer: (type, _name, size, minimum, _maximum) => {
    const unusedBits = 32 - 8 * size;
    resultConverters[type] = (value) => (minimum === 0 ? (value << unusedBits) >>> unusedBits : value);
  },
  _embind_register_integer__deps: ["$resultConverters"],
  _embind_register_float: (type, _name, _size) => {
    resultConverters[type] = (value) => value;
  },
  _embind_register_float__deps: ["$resultConverters"],

  // Types may be registered later than the functions that use them.
  _embind_register_function: (name, _count, types, _signature, invoker, target, _isAsync, _isNonnullReturn) => {
    const call = wasmTable.get(invoker);
    const type = HEAPU32[types >>> 2];
    Module[AsciiToString(name)] = (...values) => resultConverters[type](call(target, ...values));
  },
  _embind_register_function__deps: ["$resultConverters", "$AsciiToString", "$wasmTable"],

  _embind_register_bigint: (_type, _name, _size, _minimum, _maximum) => {},
  _embind_register_bigint__deps: [],
  _embind_register_std_string: (_type, _name) => {},
  _embind_register_std_string__deps: [],
  _embind_register_std_wstring: (_type, _size, _name) => {},
  _embind_register_std_wstring__deps: [],
  _embind_register_memory_view: (_type, _index, _name) => {},
  _embind_register_memory_view__deps: [],
  _embind_register_emval: (_type) => {},
  _embind_register_emval__deps: [],
});
