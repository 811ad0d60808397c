// Shared by the tests of OpenAI's API.
import assert from "node:assert/strict";

/** Reads a stream of chunks. */
export async function all(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

/** Checks that a call fails with this status and field. Returns the error. */
export async function failsWith(status, param, call) {
  const error = await call.then(
    () => assert.fail("expected an error"),
    (error) => error,
  );
  assert.deepEqual({ status: error.status, param: error.param }, { status, param }, error.message);
  return error;
}
