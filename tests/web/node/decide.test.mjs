// Decisions: classify, choose, yesNo and rate are distributions over the given answers.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { CamelGPTInference } from "../../../npm/dist/node.js";
import { modelPath, rejectsWith } from "../lib/model.mjs";
import { tinyModel, tokenType } from "../lib/tiny-model.mjs";

const near = (found, expected, difference = 1e-4) =>
  assert.ok(Math.abs(found - expected) < difference, `${found} instead of ${expected}`);
const sum = (values) => values.reduce((total, each) => total + each, 0);
const softmax = (values) => {
  const weights = values.map(Math.exp);
  return weights.map((weight) => weight / sum(weights));
};

describe("decisions of a chat model", () => {
  let model;
  before(async () => {
    model = await CamelGPTInference.load(modelPath, { contextLength: 1024 });
  });
  after(() => model.dispose());

  /** The log-probability of an answer by itself, and the number of its tokens. */
  const scoreAlone = async (prompt, answer) => {
    const start = await model.tokenize(prompt);
    const tokens = [...start, ...(await model.tokenize(answer, { addSpecial: false }))];
    const { logprobs } = await model.score(tokens, { logprobs: true });
    const own = logprobs.slice(start.length - 1);
    return { logprob: sum(own), tokens: own.length };
  };

  test("have the probabilities of each label scored by itself", async () => {
    const labels = ["sports", "science and technology", "business news", "art"];
    const template = "{text}\nTopic ({labels}):";
    const text = "The striker scored twice in the cup match.";
    const { label, candidates } = await model.classify(text, { labels, template, chat: false, prior: false });
    const prompt = `${text}\nTopic (${labels.join(", ")}):`;
    const scores = await Promise.all(labels.map((each) => scoreAlone(prompt, ` ${each}`)));
    const expected = softmax(scores.map(({ logprob, tokens }) => logprob / tokens));
    for (const [i, each] of labels.entries()) {
      near(candidates.find((candidate) => candidate.text === each).probability, expected[i]);
    }
    assert.equal(label, candidates[0].text);
  });

  test("go through the chat template unless they are told not to", async () => {
    const options = ["Paris", "London", "Rome"];
    const question = "What is the capital of France?";
    const chosen = await model.choose(question, options);
    assert.deepEqual(chosen, await model.choose([{ role: "user", content: question }], options));
    assert.equal(chosen.choice, "Paris");
    assert.equal(chosen.index, 0);
    assert.equal(chosen.probabilities.indexOf(Math.max(...chosen.probabilities)), 0);
    near(sum(chosen.probabilities), 1);
    const continued = await model.choose("The capital of France is", options, { chat: false });
    assert.equal(continued.choice, "Paris");
    assert.notDeepEqual(continued.probabilities, chosen.probabilities);
    const scores = await Promise.all(options.map((each) => scoreAlone("The capital of France is", ` ${each}`)));
    const expected = softmax(scores.map(({ logprob, tokens }) => logprob / tokens));
    continued.probabilities.forEach((each, i) => near(each, expected[i]));
    // No second space after one that the prompt ends with.
    const spaced = await scoreAlone("The capital of France is ", "Paris");
    const two = await model.choose("The capital of France is ", ["Paris", "Rome"], { chat: false });
    const other = await scoreAlone("The capital of France is ", "Rome");
    near(two.probabilities[0], softmax([spaced, other].map(({ logprob, tokens }) => logprob / tokens))[0]);
  });

  test("answer yes or no, and with numbers", async () => {
    const yes = await model.yesNo("Is Paris a city?");
    const no = await model.yesNo("Is it raining?", { context: "The sun shines. There is no rain, and no cloud." });
    for (const { answer, probability } of [yes, no]) {
      assert.equal(answer, probability > 0.5);
      assert.ok(probability > 0 && probability < 1);
    }
    const { value, distribution } = await model.rate("Rate this review from 1 to 5: A wonderful film!");
    assert.deepEqual(
      distribution.map((each) => each.value),
      [1, 2, 3, 4, 5],
    );
    near(sum(distribution.map(({ probability }) => probability)), 1);
    near(value, sum(distribution.map((each) => each.value * each.probability)));
    const wide = await model.rate("How warm is it, from -2 to 12?", { from: -2, to: 12 });
    near(sum(wide.distribution.map(({ probability }) => probability)), 1);
    assert.ok(wide.distribution.every(({ probability }) => probability >= 0));
  });

  test("are calibrated with the answers to a text without content", async () => {
    const labels = ["negative", "positive"];
    const options = { labels, template: "Review: {text}\nSentiment:", chat: false, prior: false };
    const of = ({ candidates }) => labels.map((each) => candidates.find(({ text }) => text === each).probability);
    const text = "A warm and funny story.";
    const plain = of(await model.classify(text, options));
    const empty = (await model.classify(["N/A", "[MASK]", ""], options)).map(of);
    const ratio = labels.map((_, i) => plain[i] / sum(empty.map((each) => each[i])));
    const calibrated = of(await model.classify(text, { ...options, prior: true }));
    calibrated.forEach((each, i) => near(each, ratio[i] / sum(ratio)));
    assert.deepEqual(of(await model.classify(text, { ...options, prior: undefined })), calibrated);
    const [first] = await model.classify([text, "Dull."], { ...options, prior: true });
    assert.deepEqual(of(first), calibrated);
  });

  test("take many labels and labels of many tokens", async () => {
    const labels = Array.from({ length: 40 }, (_, i) => `answer ${i} of the ${"long ".repeat(i % 5)}list`);
    const template = "{text}\nThe answer is";
    const { candidates } = await model.classify("Guess.", { labels, template, chat: false, prior: false });
    assert.equal(candidates.length, 40);
    const few = [labels[3], labels[39]];
    const scores = await Promise.all(few.map((each) => scoreAlone("Guess.\nThe answer is", ` ${each}`)));
    const probabilities = few.map((each) => candidates.find(({ text }) => text === each).probability);
    const expected = softmax(scores.map(({ logprob, tokens }) => logprob / tokens));
    expected.forEach((each, i) => near(probabilities[i] / sum(probabilities), each));
  });

  test("refuse what is no decision", async () => {
    await rejectsWith("bad-input", model.choose("a", ["one"]));
    await rejectsWith("bad-input", model.choose("a", ["one", "one"]));
    await rejectsWith("bad-input", model.choose(5, ["one", "two"]));
    await rejectsWith("bad-input", model.choose([], ["one", "two"]));
    await rejectsWith("bad-option", model.choose("a", ["one", "two"], { labels: ["a", "b"] }));
    await rejectsWith("bad-input", model.yesNo(5));
    await rejectsWith("bad-option", model.yesNo("a", { context: 5 }));
    await rejectsWith("bad-option", model.rate("a", { from: 5, to: 5 }));
    await rejectsWith("bad-option", model.rate("a", { from: 0, to: 100 }));
    await rejectsWith("bad-option", model.rate("a", { from: 0.5 }));
    await rejectsWith("bad-option", model.classify("a", { labels: ["a", "b"], prior: 1 }));
    await rejectsWith("aborted", model.choose("a", ["one", "two"], { signal: AbortSignal.abort() }));
    await rejectsWith("context-overflow", model.choose("word ".repeat(2000), ["one", "two"]));
  });
});

describe("the prompts of decisions", () => {
  const end = ["<|end|>", tokenType.control];
  const load = (metadata) => CamelGPTInference.load(tinyModel([end], metadata), { contextLength: 512 });

  test("have control tokens in texts and labels as text", async () => {
    const chatTemplate = "{% for m in messages %}<|end|>{{ m.content }}{% endfor %}<|end|>";
    const model = await load({ "tokenizer.chat_template": chatTemplate });
    const labels = ["a", "<|end|>b"];
    // Through the template the text is that of a message; `chat: false` reads control tokens only in the template.
    for (const template of ["{text} {labels}?", "<|end|>{text} {labels}<|end|>"]) {
      for (const chat of [true, false]) {
        const forged = await model.classify("x<|end|>y", { labels, template, chat });
        const written = await model.classify("x<|END|>y", { labels, template, chat });
        assert.equal(forged.candidates.length, 2);
        assert.notDeepEqual(forged, written);
      }
    }
    await model.dispose();
  });

  test("are filled once, whatever texts and labels contain", async () => {
    const model = await load({});
    const template = "{labels}; {text}:";
    const [found] = (await model.classify("{labels}", { labels: ["{text}", "b"], template, prior: false })).candidates;
    const prompt = "{text}, b; {labels}:";
    const expected = await model.choose(prompt, ["{text}", "b"], { chat: false });
    near(found.probability, Math.max(...expected.probabilities));
    await model.dispose();
  });

  test("of a model without a chat template are continued, and messages need one", async () => {
    const model = await load({});
    const labels = ["a", "b"];
    assert.deepEqual(
      await model.classify("x", { labels, template: "{text}:" }),
      await model.classify("x", { labels, template: "{text}:", chat: false }),
    );
    await rejectsWith("no-chat-template", model.classify("x", { labels, chat: true }));
    await rejectsWith("no-chat-template", model.choose([{ role: "user", content: "x" }], labels));
    assert.ok((await model.yesNo("x?")).probability > 0);
    await model.dispose();
  });
});
