// Options that peers' users know: n, echo, suffix, and biases by text.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "../../../npm/dist/node.js";
import { modelPath, rejectsWith } from "../lib/model.mjs";
import { firstExtra, tinyModel, tokenType } from "../lib/tiny-model.mjs";

describe("several answers", () => {
  let model;
  before(async () => {
    model = await CamelGPTInference.load(modelPath, { contextLength: 512 });
  });
  after(() => model.dispose());

  test("have successive seeds, and the first is the answer without n", async () => {
    const options = { maxTokens: 8, temperature: 1, seed: 11 };
    const prompt = "Once upon a time, there was";
    const one = await model.stream(prompt, options);
    const stream = model.stream(prompt, { ...options, n: 3, logprobs: 1 });
    let shown = "";
    for await (const piece of stream) shown += piece;
    const { choices, ...first } = await stream;
    assert.equal(shown, one.text);
    assert.deepEqual(first.tokens, one.tokens);
    assert.equal(choices.length, 3);
    assert.deepEqual(choices[0].tokens, one.tokens);
    for (const [i, choice] of choices.entries()) {
      assert.equal(choice.seed, 11 + i);
      assert.equal(choice.choices, undefined);
      assert.equal(choice.logprobs.length, choice.tokens.length);
      assert.deepEqual((await model.stream(prompt, { ...options, seed: 11 + i })).tokens, choice.tokens);
      if (i > 0) assert.equal(choice.usage.cachedTokens, choice.usage.promptTokens - 1);
    }
    assert.equal(first.usage.completionTokens, 24);
  });

  test("come from chats too, each with its value", async () => {
    const messages = [{ role: "user", content: "Yes or no?" }];
    const responseFormat = { type: "choice", options: ["yes", "no", "maybe"] };
    const { choices, object } = await model.chat(messages, { n: 4, seed: 1, temperature: 2, responseFormat });
    assert.equal(choices.length, 4);
    assert.equal(object, choices[0].object);
    for (const choice of choices) assert.ok(responseFormat.options.includes(choice.object));
    await rejectsWith("bad-option", model.chat(messages, { n: 0 }));
  });

  test("end with an abort", async () => {
    const stream = model.stream("Once", { n: 50, maxTokens: 8, ignoreEos: true });
    for await (const piece of stream) if (piece) break;
    const { finishReason, choices } = await stream;
    assert.equal(finishReason, "abort");
    assert.equal(choices.length, 1);
    await rejectsWith("bad-option", model.generateText("a", { n: 1.5 }));
    await rejectsWith("bad-option", model.generateText("a", { n: 129 }));
  });

  test("are no option of sessions", async () => {
    const chat = model.createChat();
    await rejectsWith("bad-option", chat.send("Hi", { n: 2 }));
  });
});

describe("the text of the prompt", () => {
  let model;
  before(async () => {
    model = await CamelGPTInference.load(tinyModel([["<|end|>", tokenType.control]]), { contextLength: 256 });
  });
  after(() => model.dispose());

  test("begins an answer with echo", async () => {
    const prompt = "Once upon";
    const plain = await model.stream(prompt, { maxTokens: 5 });
    const stream = model.stream(prompt, { maxTokens: 5, echo: true });
    let shown = "";
    for await (const piece of stream) shown += piece;
    const echoed = await stream;
    assert.equal(echoed.text, prompt + plain.text);
    assert.equal(shown, echoed.text);
    assert.deepEqual(echoed.tokens, plain.tokens);
    const tokens = await model.tokenize(prompt);
    assert.equal(await model.generateText(tokens, { maxTokens: 5, echo: true }), echoed.text);
    assert.equal((await model.stream(prompt, { maxTokens: 5, echo: false })).text, plain.text);
  });
});

describe("a gap", () => {
  const layouts = {
    "the metadata": {
      extra: ["<A>", "<B>", "<C>"],
      metadata: {
        "tokenizer.ggml.fim_pre_token_id": firstExtra,
        "tokenizer.ggml.fim_suf_token_id": firstExtra + 1,
        "tokenizer.ggml.fim_mid_token_id": firstExtra + 2,
      },
    },
    "the former metadata": {
      extra: ["<A>", "<B>", "<C>"],
      metadata: {
        "tokenizer.ggml.prefix_token_id": firstExtra,
        "tokenizer.ggml.suffix_token_id": firstExtra + 1,
        "tokenizer.ggml.middle_token_id": firstExtra + 2,
      },
    },
    "Qwen's names": { extra: ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"] },
    "StarCoder's names": { extra: ["<fim_prefix>", "<fim_suffix>", "<fim_middle>"] },
    "DeepSeek's names": { extra: ["<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"] },
  };
  for (const [name, { extra, metadata = {} }] of Object.entries(layouts)) {
    test(`is marked by the tokens of ${name}`, async () => {
      const model = await CamelGPTInference.load(
        tinyModel(
          [...extra, "<s>"].map((text) => [text, tokenType.control]),
          { ...metadata, "tokenizer.ggml.bos_token_id": firstExtra + 3, "tokenizer.ggml.add_bos_token": true },
        ),
      );
      const [prefix, suffix, middle, bos] = [0, 1, 2, 3].map((i) => firstExtra + i);
      const bytes = (text) => [...Buffer.from(text)].map((byte) => byte);
      const prompt = [bos, prefix, ...bytes("f(x) = "), suffix, ...bytes(";\n"), middle];
      const options = { maxTokens: 6 };
      const expected = await model.stream(prompt, options);
      const filled = await model.stream("f(x) = ", { ...options, suffix: ";\n", echo: true });
      assert.deepEqual(filled.tokens, expected.tokens);
      assert.equal(filled.usage.promptTokens, prompt.length);
      assert.equal(filled.text, `f(x) = ${expected.text}`);
      const bare = await model.stream("f(x) = ", { ...options, suffix: "", addSpecial: false });
      assert.equal(bare.usage.promptTokens, prompt.length - 3);
      await model.dispose();
    });
  }

  test("is refused by models that do not know gaps", async () => {
    const model = await CamelGPTInference.load(tinyModel([["<fim_prefix>", tokenType.control]]));
    const { found } = await rejectsWith("unsupported-task", model.generateText("a", { suffix: "b" }));
    assert.match(found, /fim_suf/);
    await rejectsWith("bad-option", model.generateText("a", { suffix: 5 }));
    await model.dispose();
  });
});

describe("a bias by text", () => {
  let model;
  before(async () => {
    model = await CamelGPTInference.load(modelPath, { contextLength: 256 });
  });
  after(() => model.dispose());

  test("is that of the token", async () => {
    const prompt = "The capital of France is";
    const [token, ...others] = await model.tokenize(" Rome", { addSpecial: false });
    assert.deepEqual(others, []);
    const options = { maxTokens: 3 };
    const expected = await model.stream(prompt, { ...options, logitBias: { [token]: 100 } });
    assert.equal(expected.tokens[0], token);
    const found = await model.stream(prompt, { ...options, logitBias: { " Rome": 100 } });
    assert.deepEqual(found.tokens, expected.tokens);
    const ended = await model.stream(prompt, { ...options, logitBias: { "<|im_end|>": 100 } });
    assert.equal(ended.finishReason, "stop");
    assert.equal(ended.tokens.length, 1);
  });

  test("is refused if the text is several tokens, which the error names", async () => {
    const { found } = await rejectsWith(
      "bad-option",
      model.generateText("a", { logitBias: { " Paris in the spring": 5 } }),
    );
    assert.match(found, /tokens: \d+ " Paris", /);
    await rejectsWith("bad-option", model.generateText("a", { logitBias: { "": 5 } }));
    await rejectsWith("bad-option", model.generateText("a", { logitBias: { " a": Infinity } }));
  });
});
