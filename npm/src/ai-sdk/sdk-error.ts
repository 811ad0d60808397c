// Errors that the AI SDK recognizes, without its classes: it looks for symbols.

/** `fields`: what the class of this name has besides a message. */
export function sdkError(name: string, message: string, fields: Record<string, string>): Error {
  const error = new Error(message);
  error.name = name;
  const markers = { [Symbol.for("vercel.ai.error")]: true, [Symbol.for(`vercel.ai.error.${name}`)]: true };
  return Object.assign(error, fields, markers);
}

export function unsupported(functionality: string): Error {
  const message = `'${functionality}' functionality not supported.`;
  return sdkError("AI_UnsupportedFunctionalityError", message, { functionality });
}

export function noSuchModel(modelType: string, modelId: string): Error {
  return sdkError("AI_NoSuchModelError", `No such ${modelType}: ${modelId}`, { modelType, modelId });
}
