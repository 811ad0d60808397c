// Chunks of an answer while it is generated.
import { asApiError, isAbort } from "./api-error.js";
import { EventQueue } from "./event-queue.js";

/**
 * Begins to send the chunks of an answer. An abort ends them without an error. `fields`: the names that the request has
 * for options.
 */
export function streamChunks<Chunk>(
  controller: AbortController,
  fields: ReadonlyMap<string, string>,
  send: (queue: EventQueue<Chunk>) => Promise<void>,
): EventQueue<Chunk> {
  const queue = new EventQueue<Chunk>(() => controller.abort());
  send(queue).then(
    () => queue.end(),
    (error: unknown) => (isAbort(error) ? queue.end() : queue.fail(asApiError(error, fields))),
  );
  return queue;
}
