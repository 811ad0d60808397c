// A WebAssembly module for a helper thread: `entry(index, stack)` waits until the word at address 0 is not 0, then
// fills the 16 bytes at the address `stack` with `index`. Its memory is imported, shared, and at most `maxPages`.
const i32 = 0x7f;

export const maxPages = 1024;
/** Index in the exported table. */
export const entry = 0;

export const helperModule = new WebAssembly.Module(
  Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 1, 0x60, 2, i32, i32, 0), // a type: (i32, i32) -> ()
    ...section(2, 1, ...name("e"), ...name("m"), 2, 3, ...leb(1), ...leb(maxPages)), // import of shared memory
    ...section(3, 1, 0), // a function of that type
    ...section(4, 1, 0x70, 0, 1), // a table of functions
    ...section(7, 1, ...name("t"), 1, 0), // export of the table
    ...section(9, 1, 0, 0x41, entry, 0x0b, 1, 0), // the function in the table
    ...section(10, 1, ...code()),
  ]),
);

function code() {
  const body = [
    0, // no locals
    ...[0x03, 0x40], // loop
    ...[0x41, 0, 0xfe, 0x10, 2, 0], // i32.atomic.load of address 0
    ...[0x45, 0x0d, 0, 0x0b], // i32.eqz, br_if 0, end
    ...[0x20, 1, 0x20, 0, 0x41, 16, 0xfc, 0x0b, 0], // memory.fill(stack, index, 16)
    0x0b,
  ];
  return [...leb(body.length), ...body];
}

function section(id, ...bytes) {
  return [id, ...leb(bytes.length), ...bytes];
}

function name(text) {
  return [text.length, ...Buffer.from(text)];
}

function leb(value) {
  const bytes = [];
  do {
    bytes.push((value & 127) | (value > 127 ? 128 : 0));
    value >>>= 7;
  } while (value > 0);
  return bytes;
}
