// OpenAI's API for a model in this process, through its own objects and through the client of the `openai` package.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";
import { ApiError, createOpenAI } from "@gpt-research/camelgpt-inference/openai";
import OpenAI from "openai";
import { ChatCompletionStream } from "openai/lib/ChatCompletionStream";

import { all, failsWith, openModel } from "../lib/completions.mjs";
import { modelPath } from "../lib/model.mjs";
import { startClock } from "../lib/processor-time.mjs";

let model;
let local;
let client;
before(async () => {
  ({ model, local, client } = await openModel());
});
after(() => model?.dispose());

const messages = [{ role: "user", content: "What is the capital of France?" }];
const exact = { model: "smollm2", messages, temperature: 0, max_tokens: 20 };
const paris = "The capital of France is Paris.";

for (const [name, completions] of [
  ["in process", () => local.chat.completions],
  ["through the client", () => client.chat.completions],
]) {
  describe(`chat completions ${name}`, () => {
    test("answer with usage and a reason to end", async () => {
      const { id, created, model: answered, system_fingerprint, ...answer } = await completions().create(exact);
      assert.match(id, /^chatcmpl-\w{24}$/);
      assert.ok(Math.abs(created - Date.now() / 1000) < 60);
      assert.match(system_fingerprint, /^fp_[0-9a-f]{8}$/);
      assert.equal(answered, "smollm2");
      assert.deepEqual(answer.choices, [
        {
          index: 0,
          message: { role: "assistant", content: paris, refusal: null },
          logprobs: null,
          finish_reason: "stop",
        },
      ]);
      const { prompt_tokens, completion_tokens, total_tokens } = answer.usage;
      assert.deepEqual([prompt_tokens, completion_tokens, total_tokens], [37, 8, 45]);
      assert.deepEqual(answer.usage.completion_tokens_details, { reasoning_tokens: 0 });
    });

    test("stream chunks that add up to the answer, and the usage last", async () => {
      const chunks = await all(
        await completions().create({ ...exact, stream: true, stream_options: { include_usage: true } }),
      );
      assert.deepEqual(chunks[0].choices[0].delta, { role: "assistant", content: "" });
      assert.equal(chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta.content ?? "")).join(""), paris);
      assert.equal(chunks.at(-2).choices[0].finish_reason, "stop");
      assert.ok(chunks.slice(0, -1).every(({ usage }) => usage === null));
      assert.deepEqual(chunks.at(-1).choices, []);
      assert.equal(chunks.at(-1).usage.completion_tokens, 8);
      assert.equal(new Set(chunks.map(({ id }) => id)).size, 1);
      const without = await all(await completions().create({ ...exact, stream: true }));
      assert.ok(without.every((chunk) => !("usage" in chunk) && chunk.choices.length === 1));
    });

    test("can be sent on as lines of JSON", async () => {
      const stream = await completions().create({ ...exact, stream: true });
      const received = ChatCompletionStream.fromReadableStream(stream.toReadableStream());
      assert.equal(await received.finalContent(), paris);
    });

    test("report the log-probability of each token, with its bytes", async () => {
      const request = { ...exact, logprobs: true, top_logprobs: 2 };
      const { logprobs } = (await completions().create(request)).choices[0];
      assert.equal(logprobs.content.map(({ token }) => token).join(""), paris);
      for (const { token, bytes, logprob, top_logprobs } of logprobs.content) {
        assert.equal(Buffer.from(bytes).toString(), token);
        assert.equal(top_logprobs.length, 2);
        assert.deepEqual(top_logprobs[0], { token, bytes, logprob });
      }
      const chunks = await all(await completions().create({ ...request, stream: true }));
      assert.deepEqual(
        chunks.flatMap(({ choices }) => choices[0].logprobs?.content ?? []),
        logprobs.content,
      );
      const plain = (await completions().create({ ...exact, logprobs: true })).choices[0].logprobs.content;
      assert.deepEqual(plain[0].top_logprobs, []);
    });

    test("take the fields that clients send, null for the default", async () => {
      const { choices } = await completions().create({
        ...exact,
        messages: [
          { role: "developer", content: [{ type: "text", text: "Answer in one sentence." }] },
          {
            role: "user",
            content: [
              { type: "text", text: "What is the capital " },
              { type: "text", text: "of France?" },
            ],
          },
        ],
        max_tokens: null,
        max_completion_tokens: 5,
        frequency_penalty: null,
        logit_bias: null,
        logprobs: null,
        n: null,
        presence_penalty: 0,
        response_format: { type: "text" },
        seed: null,
        stop: null,
        stream: false,
        stream_options: null,
        tools: null,
        top_logprobs: null,
        top_p: null,
        ...{ user: "someone", metadata: { a: "b" }, store: false, service_tier: "auto", parallel_tool_calls: true },
        ...{ top_k: 40, min_p: 0, repeat_penalty: 1, cache_prompt: true, repeat_last_n: -1 },
      });
      assert.equal(choices[0].finish_reason, "length");
      assert.match(choices[0].message.content, /capital/);
    });

    test("end before stop strings, and without tokens that are forbidden", async () => {
      const first = (await completions().create({ ...exact, stop: "Paris" })).choices[0];
      assert.equal(first.message.content, "The capital of France is ");
      assert.equal(first.finish_reason, "stop");
      const two = (await completions().create({ ...exact, stop: ["Rome", " France"] })).choices[0];
      assert.equal(two.message.content, "The capital of");
      const [token] = await model.tokenize(" Paris");
      const biased = await completions().create({ ...exact, logit_bias: { [token]: -100 } });
      assert.doesNotMatch(biased.choices[0].message.content, / Paris/);
    });

    test("give n answers, the same ones for the same seed", async () => {
      const request = { ...exact, temperature: 1, seed: 7, n: 2, max_tokens: 8 };
      const [one, two] = [await completions().create(request), await completions().create(request)];
      const texts = one.choices.map(({ message }) => message.content);
      assert.deepEqual(
        one.choices.map(({ index }) => index),
        [0, 1],
      );
      assert.notEqual(texts[0], texts[1]);
      assert.deepEqual(
        texts,
        two.choices.map(({ message }) => message.content),
      );
      assert.ok(one.usage.completion_tokens > 8);
      const chunks = await all(await completions().create({ ...request, stream: true }));
      const streamed = ["", ""];
      for (const { index, delta } of chunks.map(({ choices }) => choices[0])) streamed[index] += delta.content ?? "";
      assert.deepEqual(streamed, texts);
      const random = await completions().create({ ...exact, seed: -1, max_tokens: 1 });
      assert.equal(random.choices.length, 1);
    });

    test("name the field that is wrong", async () => {
      const wrong = (fields) => completions().create({ ...exact, ...fields });
      const { message } = await failsWith(400, "temperature", wrong({ temperature: 900 }));
      assert.match(message, /The field temperature is not valid. Expected: a number from 0 to 100. Found: 900./);
      await failsWith(400, "top_k", wrong({ top_k: "many" }));
      await failsWith(400, "messages", wrong({ messages: [] }));
      await failsWith(400, "messages[0].role", wrong({ messages: [{ role: "bot", content: "Hi" }] }));
      await failsWith(400, "messages[0].content", wrong({ messages: [{ role: "user" }] }));
      await failsWith(400, "n", wrong({ n: 0 }));
      await failsWith(400, "seed", wrong({ seed: -2 }));
      await failsWith(400, "stop", wrong({ stop: [1] }));
      await failsWith(400, "logit_bias.x", wrong({ logit_bias: { x: 1 } }));
      await failsWith(400, "top_logprobs", wrong({ top_logprobs: 3 }));
      await failsWith(400, "response_format.type", wrong({ response_format: { type: "xml" } }));
      await failsWith(400, "tools[0].type", wrong({ tools: [{ type: "custom", custom: { name: "x" } }] }));
      await failsWith(400, "tool_choice", wrong({ tool_choice: "required" }));
      await failsWith(400, "audio", wrong({ audio: { voice: "alloy", format: "wav" } }));
      await failsWith(400, "modalities", wrong({ modalities: ["text", "audio"] }));
      const image = [{ role: "user", content: [{ type: "image_url", image_url: { url: "data:," } }] }];
      const unsupported = await failsWith(400, "messages[0].content[0]", wrong({ messages: image }));
      assert.equal(unsupported.code, "unsupported_value");
      const long = [{ role: "user", content: "word ".repeat(3000) }];
      const overflow = await failsWith(400, null, wrong({ messages: long, stream: true }));
      assert.equal(overflow.code, "context_length_exceeded");
      assert.equal(overflow.type, "invalid_request_error");
    });

    test("stop when the stream is left, and for a signal", async () => {
      const endless = { ...exact, max_tokens: null, ignore_eos: true };
      for await (const { choices } of await completions().create({ ...endless, stream: true }))
        if (choices[0].delta.content) break;
      await idle();
      const abort = new AbortController();
      const stream = await completions().create({ ...endless, stream: true }, { signal: abort.signal });
      let count = 0;
      for await (const { choices } of stream) if (choices[0].delta.content && ++count === 2) abort.abort();
      await idle();
      const late = AbortSignal.timeout(60);
      await assert.rejects(completions().create(endless, { signal: late }), /aborted/);
      await idle();
      await assert.rejects(completions().create(exact, { signal: AbortSignal.abort() }), /aborted/);
    });
  });
}

test("an answer can continue a message of the assistant", async () => {
  const begun = [...messages, { role: "assistant", content: "The capital of France is Par" }];
  const { choices } = await client.chat.completions.create({
    ...exact,
    messages: begun,
    continue_final_message: true,
  });
  assert.match(choices[0].message.content, /^is\b/);
  await failsWith(400, null, client.chat.completions.create({ ...exact, continue_final_message: true }));
});

/** Waits until the model has no call, which an abort has to bring about soon. */
async function idle() {
  const clock = startClock();
  assert.ok((await model.tokenize("a")).length > 0);
  await model.generateText("a", 1);
  clock.expectBelow(300, "an aborted generation");
}

describe("completions", () => {
  const request = { model: "smollm2", prompt: "The capital of France is", temperature: 0, max_tokens: 2 };

  test("continue texts and tokens", async () => {
    const { choices, object, usage } = await client.completions.create(request);
    assert.equal(object, "text_completion");
    assert.deepEqual(choices, [{ index: 0, text: " Paris.", logprobs: null, finish_reason: "length" }]);
    assert.deepEqual([usage.prompt_tokens, usage.completion_tokens], [5, 2]);
    const tokens = await model.tokenize(request.prompt);
    const texts = async (prompt) =>
      (await client.completions.create({ ...request, prompt })).choices.map(({ text }) => text);
    assert.deepEqual(await texts(tokens), [" Paris."]);
    assert.deepEqual(await texts([tokens, tokens]), [" Paris.", " Paris."]);
    assert.deepEqual((await texts([request.prompt, "The capital of Italy is"]))[0], " Paris.");
    const sixteen = await client.completions.create({ ...request, max_tokens: null, ignore_eos: true });
    assert.equal(sixteen.usage.completion_tokens, 16);
  });

  test("echo the prompt, and report log-probabilities", async () => {
    const { text, logprobs } = (await client.completions.create({ ...request, echo: true, logprobs: 2 })).choices[0];
    assert.equal(text, "The capital of France is Paris.");
    assert.deepEqual(logprobs.tokens, [" Paris", "."]);
    assert.deepEqual(logprobs.text_offset, [24, 30]);
    assert.equal(Object.keys(logprobs.top_logprobs[0]).length, 2);
    assert.equal(logprobs.top_logprobs[0][" Paris"], logprobs.token_logprobs[0]);
  });

  test("stream", async () => {
    const options = { stream: true, stream_options: { include_usage: true } };
    for (const api of [client, local]) {
      const chunks = await all(await api.completions.create({ ...request, ...options }));
      assert.equal(chunks.map(({ choices }) => choices[0]?.text ?? "").join(""), " Paris.");
      assert.equal(chunks.at(-2).choices[0].finish_reason, "length");
      assert.equal(chunks.at(-1).usage.total_tokens, 7);
    }
  });

  test("refuse a prompt of another kind", async () => {
    await failsWith(400, "prompt", client.completions.create({ ...request, prompt: [1, "a"] }));
    // The model was not trained to fill a gap.
    const { code } = await failsWith(400, null, client.completions.create({ ...request, suffix: "." }));
    assert.equal(code, "unsupported_task");
    await failsWith(400, "best_of", client.completions.create({ ...request, best_of: 3 }));
  });
});

describe("embeddings", () => {
  const input = ["A dog runs.", "A cat sleeps."];

  test("are the model's, as numbers and as base64", async () => {
    const expected = (await model.embed(input)).map((vector) => [...vector]);
    const numbers = await client.embeddings.create({ model: "smollm2", input, encoding_format: "float" });
    assert.deepEqual(
      numbers.data.map(({ embedding }) => embedding),
      expected,
    );
    assert.equal(
      numbers.usage.prompt_tokens,
      (await model.countTokens(input[0])) + (await model.countTokens(input[1])),
    );
    const decoded = await client.embeddings.create({ model: "smollm2", input }); // the client asks for base64
    assert.deepEqual(
      decoded.data.map(({ embedding }) => [...embedding]),
      expected,
    );
    const tokens = await model.tokenize(input[0]);
    const { data } = await local.embeddings.create({ input: tokens });
    assert.deepEqual(data[0].embedding, expected[0]);
  });

  test("can be shortened", async () => {
    const { data } = await local.embeddings.create({ input, dimensions: 16 });
    assert.equal(data[1].embedding.length, 16);
    assert.ok(Math.abs(Math.hypot(...data[1].embedding) - 1) < 1e-6);
    await failsWith(400, "dimensions", client.embeddings.create({ model: "smollm2", input, dimensions: 1e6 }));
    await failsWith(400, "input", client.embeddings.create({ model: "smollm2", input: [""] }));
    await failsWith(400, "input", client.embeddings.create({ model: "smollm2", input: [] }));
  });
});

test("requests at one time are answered one after the other", async () => {
  const questions = ["What is the capital of France?", "What is 2+2?", "Name a river."];
  const ask = async (content) =>
    (await client.chat.completions.create({ ...exact, messages: [{ role: "user", content }] })).choices[0].message;
  const together = await Promise.all(questions.map(ask));
  for (const [i, question] of questions.entries()) assert.deepEqual(together[i], await ask(question));
});

describe("models", () => {
  test("are listed; a single one has every name", async () => {
    assert.deepEqual(
      (await client.models.list()).data.map(({ id }) => id),
      ["smollm2"],
    );
    assert.equal((await client.models.retrieve("smollm2")).owned_by, "camelgpt");
    await failsWith(404, "model", client.models.retrieve("gpt-6"));
    const { model: answered } = await client.chat.completions.create({ ...exact, model: "gpt-6", max_tokens: 1 });
    assert.equal(answered, "smollm2");
  });

  test("of several, a request names one", async () => {
    const several = createOpenAI(model, { models: { other: model } });
    const names = (await several.models.list()).data.map(({ id }) => id);
    assert.equal(names[1], "other");
    assert.equal((await several.chat.completions.create({ ...exact, model: "other", max_tokens: 1 })).model, "other");
    const error = await failsWith(404, "model", several.chat.completions.create({ ...exact, model: "gpt-6" }));
    assert.ok(error instanceof ApiError);
    assert.equal(error.code, "model_not_found");
  });
});

describe("requests over HTTP", () => {
  const post = (path, body) =>
    local.handle(new Request(`http://local.invalid${path}`, { method: "POST", body: JSON.stringify(body) }));

  test("get server-sent events that end with [DONE]", async () => {
    const response = await post("/v1/chat/completions", { ...exact, stream: true });
    assert.equal(response.status, 200);
    assert.match(response.headers.get("content-type"), /^text\/event-stream/);
    const events = (await response.text()).split("\n\n");
    assert.equal(events.at(-2), "data: [DONE]");
    assert.equal(events.at(-1), "");
    assert.ok(events.slice(0, -2).every((event) => JSON.parse(event.slice("data: ".length)).object));
  });

  test("with `return_progress`, tell how much of the prompt is evaluated", async () => {
    const text = await (
      await post("/chat/completions", { ...exact, max_tokens: 1, stream: true, return_progress: true })
    ).text();
    const [first] = text.match(/"prompt_progress":\{[^}]+\}/g);
    assert.match(first, /"total":37,"cache":\d+,"processed":\d+/);
  });

  test("get errors as JSON with a status", async () => {
    const errorOf = async (response) => [response.status, (await response.json()).error.code];
    const request = (path, init) => local.handle(new Request(`http://local.invalid${path}`, init));
    assert.deepEqual(await errorOf(await request("/v1/images")), [404, "unknown_url"]);
    assert.deepEqual(await errorOf(await request("/v1/chat/completions")), [405, "method_not_allowed"]);
    const notJson = { method: "POST", body: "{" };
    assert.deepEqual(await errorOf(await request("/v1/chat/completions", notJson)), [400, "invalid_json"]);
    assert.deepEqual(await errorOf(await post("/v1/embeddings", [])), [400, "invalid_body"]);
    assert.deepEqual(await errorOf(await post("/v1/chat/completions", {})), [400, "missing_field"]);
  });

  test("get an error that comes in the middle of a stream as an event", async () => {
    const short = await CamelGPTInference.load(modelPath, { contextLength: 256 });
    const api = new OpenAI({ apiKey: "none", fetch: createOpenAI(short).fetch, maxRetries: 0 });
    const stream = await api.chat.completions.create({ ...exact, max_tokens: null, ignore_eos: true, stream: true });
    const read = async () => {
      for await (const { choices } of stream) if (choices[0].delta.content) await short.dispose();
    };
    await assert.rejects(read(), { code: "disposed", type: "service_unavailable_error" });
  });

  test("get 503 once the model is disposed", async () => {
    const gone = await CamelGPTInference.load(modelPath, { contextLength: 64 });
    await gone.dispose();
    const { handle } = createOpenAI(gone);
    const response = await handle(
      new Request("http://local.invalid/v1/chat/completions", { method: "POST", body: JSON.stringify(exact) }),
    );
    assert.equal(response.status, 503);
    const { error } = await response.json();
    assert.deepEqual([error.type, error.code], ["service_unavailable_error", "disposed"]);
  });
});
