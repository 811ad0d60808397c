// A typical use of the package, identical in every runtime: takes the class, the adapters and two URLs, returns the
// result of each call.

const messages = [{ role: "user", content: "The city" }];
const chatTemplate = "{% for message in messages %}{{ message.content }}{% endfor %}";
const talkTemplate = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant: ";
const city = {
  type: "object",
  properties: { name: { type: "string", pattern: "^[A-Z][a-z]{2,9}$" }, large: { type: "boolean" } },
  required: ["name", "large"],
  additionalProperties: false,
};

/** `model`: URL of a causal GGUF file; `release`: URL of the folder of CamelGPT-mini; the rest are load options. */
export async function tryPackage(CamelGPTInference, adapters, { model: url, release, ...options }) {
  const progress = [];
  const model = await CamelGPTInference.load(url, {
    ...options,
    contextLength: 256,
    onProgress: ({ status }) => progress.push(status),
  });
  const { engine } = await model.info();
  const text = await model.generateText("The city was", 12);
  const drawn = await model.generateText("The city was", { maxTokens: 16, temperature: 1, seed: 5 });
  let streamed = "";
  for await (const part of model.stream("The city was", { maxTokens: 12 })) streamed += part;
  const abort = new AbortController();
  const cut = model.stream("The city was", { maxTokens: 240, signal: abort.signal, ignoreEos: true });
  for await (const part of cut) {
    if (part) abort.abort();
  }
  const { finishReason: aborted } = await cut;
  const chat = await model.chat(messages, { chatTemplate, maxTokens: 6, temperature: 0 });
  const adapted = await tryAdapters(model, adapters);
  const turns = { chatTemplate: talkTemplate, maxTokens: 6 };
  const session = model.createChat({ ...turns, temperature: 1, seed: 3 });
  await session.send("The city");
  const { turn } = await session.send(" of");
  const copy = await model.restoreChat(await session.save(), { ...turns, temperature: 0 });
  const talk = {
    turn,
    text: (await session.send(" and", { temperature: 0 })).text,
    restored: (await copy.send(" and")).text,
    messages: session.messages,
  };
  // Save and restore: a new object of the same file continues without evaluating the saved text again.
  const told = await model.stream("The city was", { maxTokens: 12 });
  const state = await model.saveState();
  const next = [...(await model.tokenize("The city was")), ...told.tokens];
  const continued = await model.stream(next, { maxTokens: 8 });
  const restored = await CamelGPTInference.load(url, { ...options, contextLength: 200 });
  const { tokens: kept } = await restored.loadState(state);
  const resumed = await restored.stream(next, { maxTokens: 8 });
  await restored.dispose();
  const saved = {
    bytes: state.length,
    kept,
    of: next.length,
    cached: resumed.usage.cachedTokens,
    same: String(resumed.tokens) === String(continued.tokens),
    text: resumed.text,
  };
  const responseFormat = { type: "json", schema: city };
  const shaped = model.stream("The city was", { responseFormat, maxTokens: 60 });
  let partial;
  for await (const value of shaped.objectStream()) partial = value;
  const { object } = await shaped;
  const { perplexity } = await model.score("The city was built in the north of the country.");
  await model.dispose();
  const gone = await model.generateText("The", 1).catch((error) => error.code);

  const mini = await CamelGPTInference.load(release, options);
  const { label } = await mini.classify("A warm and funny story.", { labels: ["negative", "positive"] });
  const vector = await mini.embed("a dog runs through the water");
  const { trusted } = (await mini.info()).release;
  await mini.dispose();

  const packaged = new CamelGPTInference(undefined, options);
  const offline = await packaged.generateText("a dog runs through the water . german :", 8);
  await packaged.dispose();
  const wrong = await CamelGPTInference.load(`${url}.none`, options).catch((error) => error.code);
  return {
    flavour: engine.flavour,
    threads: engine.threads,
    worker: engine.worker,
    loaded: progress.at(-1),
    text,
    drawn,
    streamed,
    aborted,
    chat: chat.text ?? String(chat),
    adapted,
    talk,
    shaped: { object, partial },
    perplexity,
    saved,
    gone,
    label,
    vector: [...vector],
    trusted,
    offline,
    wrong,
  };
}

/** Asks for one answer through each adapter. */
async function tryAdapters(model, { camelgpt, createOpenAI, createLanguageModel }) {
  const chat = { chatTemplate, maxTokens: 6, temperature: 0 };
  const { fetch } = createOpenAI(model, { chat });
  const post = (body) =>
    fetch("http://local.invalid/v1/chat/completions", { method: "POST", body: JSON.stringify(body) });
  const events = (await (await post({ messages, max_tokens: 6, stream: true })).text()).split("\n\n");
  const chunks = events.filter((event) => event.startsWith("data: {")).map((event) => JSON.parse(event.slice(6)));
  const { status } = await post({ messages: [] });
  const language = camelgpt(model, { chat });
  const prompt = messages.map(({ role, content }) => ({ role, content: [{ type: "text", text: content }] }));
  const { content } = await language.doGenerate({ prompt, maxOutputTokens: 6 });
  const session = await createLanguageModel(model, { chat }).create({ temperature: 0 });
  return {
    openai: chunks.map(({ choices }) => choices[0].delta.content ?? "").join(""),
    status,
    aiSdk: content.map(({ text }) => text).join(""),
    promptApi: await session.prompt(messages),
  };
}
