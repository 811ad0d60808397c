// The messages between the benchmark and an engine's process or page: `{value}`, or `{error: {message, code}}`.

/** Wraps an engine's methods as `(name, params) → answer`. */
export function answering(engine) {
  return async (name, params) => {
    try {
      return { value: await engine[name](params) };
    } catch (error) {
      return { error: { message: error.message ?? String(error), code: error.code } };
    }
  };
}

/** The value of an answer. Throws its error. */
export function answerValue({ value, error }) {
  if (error) throw Object.assign(new Error(error.message), { code: error.code });
  return value;
}

/** Runs `generate`, which returns `{text, tokens}`, and adds its milliseconds, of this process's processor time too. */
export async function measureAnswer(generate) {
  const begin = performance.now();
  const before = process.cpuUsage();
  const answer = await generate();
  const { user, system } = process.cpuUsage(before);
  return { ...answer, ms: performance.now() - begin, cpuMs: (user + system) / 1000 };
}
