// Requests over HTTP → responses: the paths of OpenAI's API, JSON, and server-sent events.
import { abortError } from "./answers.js";
import { ApiError, asApiError } from "./api-error.js";
import { encode } from "./completion-stream.js";
import type { EventQueue } from "./event-queue.js";

/** The work of each path. Aborting the controller stops it. */
export interface Routes {
  chat(body: unknown, controller: AbortController): Promise<unknown>;
  completions(body: unknown, controller: AbortController): Promise<unknown>;
  embeddings(body: unknown, controller: AbortController): Promise<unknown>;
  models(): Promise<unknown>;
  model(id: string): Promise<unknown>;
}

/** Chunks that are sent one by one. */
export class Chunks {
  readonly queue: EventQueue<unknown>;

  constructor(queue: EventQueue<unknown>) {
    this.queue = queue;
  }
}

/** A response begins at the latest after this time, even if the model has not: a client waits only so long. */
const maxSilenceBefore = 5_000;
/** Comments are sent while the model is silent, so that proxies keep the connection. */
const pingInterval = 15_000;

/** Answers a request; never rejects. Paths may have any prefix, such as `/v1`. */
export async function handleRequest(routes: Routes, request: Request): Promise<Response> {
  const controller = new AbortController();
  const { signal } = request;
  const onAbort = () => controller.abort(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  try {
    const value = await route(routes, request, controller);
    return value instanceof Chunks ? await eventResponse(value.queue) : Response.json(value);
  } catch (error) {
    const failure = asApiError(error);
    return Response.json(failure, { status: failure.status });
  }
}

async function route(routes: Routes, request: Request, controller: AbortController): Promise<unknown> {
  const path = new URL(request.url).pathname.replace(/\/+$/, "");
  const [, id] = /\/models\/(.+)$/.exec(path) ?? [];
  if (id !== undefined) return requireMethod("GET", request, () => routes.model(decode(id)));
  if (path.endsWith("/models")) return requireMethod("GET", request, () => routes.models());
  const post = (call: (body: unknown, controller: AbortController) => Promise<unknown>) =>
    requireMethod("POST", request, async () => call(await bodyOf(request), controller));
  if (path.endsWith("/chat/completions")) return post(routes.chat);
  if (path.endsWith("/completions")) return post(routes.completions);
  if (path.endsWith("/embeddings")) return post(routes.embeddings);
  throw new ApiError(`There is nothing at ${path || "/"}.`, {
    status: 404,
    type: "not_found_error",
    code: "unknown_url",
  });
}

function requireMethod<T>(method: string, request: Request, call: () => Promise<T>): Promise<T> {
  if (request.method === method) return call();
  throw new ApiError(`The method ${request.method} is not allowed here. Expected: ${method}.`, {
    status: 405,
    type: "invalid_request_error",
    code: "method_not_allowed",
  });
}

async function bodyOf(request: Request): Promise<unknown> {
  const text = await request.text();
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ApiError("The body of the request is not JSON.", {
      status: 400,
      type: "invalid_request_error",
      code: "invalid_json",
      cause: error,
    });
  }
}

function decode(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

/** Waits until the model has begun, so that an error before that has its status. */
async function eventResponse(queue: EventQueue<unknown>): Promise<Response> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, maxSilenceBefore);
  });
  await Promise.race([queue.begun, late]).finally(() => clearTimeout(timer));
  return new Response(
    encode(
      serverSentEvents(queue),
      (text) => text,
      () => queue.cancel(),
    ),
    {
      headers: {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        "x-accel-buffering": "no", // nginx would hold the chunks back
      },
    },
  );
}

async function* serverSentEvents(queue: EventQueue<unknown>): AsyncGenerator<string, void, undefined> {
  const events = queue[Symbol.asyncIterator]();
  let isComplete = false;
  try {
    for (;;) {
      const next = events.next();
      for (let isWaiting = true; isWaiting; ) {
        isWaiting = await isSilent(next);
        if (isWaiting) yield ": ping\n\n";
      }
      const { done, value } = await next;
      if (done) break;
      yield `data: ${JSON.stringify(value)}\n\n`;
    }
    isComplete = true;
    yield "data: [DONE]\n\n";
  } catch (error) {
    isComplete = true;
    yield `data: ${JSON.stringify(asApiError(error))}\n\n`; // the status has been sent
  } finally {
    if (!isComplete) await events.return();
  }
}

/** Whether the event does not arrive within the interval. */
async function isSilent(event: Promise<unknown>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<true>((resolve) => {
    timer = setTimeout(resolve, pingInterval, true);
  });
  const arrival = event.then(
    () => false as const,
    () => false as const,
  );
  return Promise.race([arrival, silence]).finally(() => clearTimeout(timer));
}

/** The same as `fetch`, but the model answers. An abort rejects with an AbortError, as in `fetch`. */
export async function fetchFrom(
  handle: (request: Request) => Promise<Response>,
  input: string | URL | Request,
  init: RequestInit | undefined,
): Promise<Response> {
  const request = new Request(input, init);
  const { signal } = request;
  signal.throwIfAborted();
  const response = await handle(request);
  if (signal.aborted) throw signal.reason ?? abortError();
  return response;
}
