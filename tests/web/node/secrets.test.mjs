// Errors, notes and progress show no secrets: passwords in URLs, signed queries, tokens, values of headers.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { inspect } from "node:util";

import { CamelGPTError, CamelGPTInference } from "@gpt-research/camelgpt-inference";

import { rejectsWith, repository } from "../lib/model.mjs";
import { startClock } from "../lib/processor-time.mjs";
import { randomNumbers } from "../lib/random.mjs";

const random = randomNumbers(20);
const letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
const word = (length) => Array.from({ length }, () => letters[Math.floor(random() * letters.length)]).join("");
const pick = (list) => list[Math.floor(random() * list.length)];

/** Texts with a secret. */
const kinds = {
  password: (secret) => pick([`https://me:${secret}@host/m.gguf`, `http:/${secret}@host/`, `s3://${secret}@b/k`]),
  unescapedPassword: (secret) => `https://me:a${pick(["/", "?", "#", ":"])}${secret}@host/m.gguf`,
  encodedUrl: (secret) => encodeURIComponent(`https://me:${secret}@host/m.gguf?sig=${secret}`),
  encodedQuery: (secret) => encodeURIComponent(`https://host/m.gguf?sig=${secret}&a=1`),
  parameter: (secret) => `https://host/m.gguf?a=1&${pick(parameters)}=${secret}`,
  escapedParameter: (secret) => `https://host/m.gguf?%74oken=${secret}`,
  fragment: (secret) => `https://host/m.gguf#access_token=${secret}`,
  azure: (secret) => `https://a.blob.core.windows.net/m?sv=2024-01-01&se=2027-01-01&sp=r&sig=${secret}%3D`,
  authorization: (secret) => pick([`Authorization: Bearer ${secret}`, `authorization: ${secret}`, `bearer ${secret}`]),
  header: (secret) => `${pick(["X-API-Key", "x-auth-token", "private-token", "Cookie"])}: ${secret}`,
  json: (secret) => JSON.stringify({ [pick(["token", "api_key", "Authorization", "password"])]: secret }),
  hub: (secret) => `The token hf_${secret}${secret} was refused`,
  gitHub: (secret) => `ghp_${secret}${secret}`,
  jwt: (secret) => `eyJ${secret}.${secret}.${secret}`,
  basic: (secret) => `Basic ${Buffer.from(`me:${secret}1`).toString("base64")} ${secret.slice(0, 0)}`,
};
const parameters = ["token", "key", "signature", "sig", "X-Amz-Signature", "X-Goog-Credential", "Policy", "api_key"];

/** Errors with a text at each place. */
const places = {
  message: (text) => new CamelGPTError("network", `It failed: ${text}`),
  expected: (text) => new CamelGPTError("network", "It failed.", { expected: `an answer from "${text}"` }),
  found: (text) => new CamelGPTError("network", "It failed.", { found: text }),
  hint: (text) => new CamelGPTError("network", "It failed.", { hint: `Look at (${text}).` }),
  cause: (text) => new CamelGPTError("network", "It failed.", { cause: new TypeError(`failed: ${text}`) }),
  deepCause: (text) =>
    new CamelGPTError("network", "It failed.", {
      cause: new AggregateError([Object.assign(new Error("no"), { input: text })], "all", { cause: text }),
    }),
  objectCause: (text) => new CamelGPTError("network", "It failed.", { cause: { request: { lines: [text] } } }),
};

const shownIn = (error) =>
  [inspect(error, { depth: null }), JSON.stringify(error), String(error), error.stack].join("\n");

describe("secrets", () => {
  test("appear in none of 200 errors, whatever their kind and place", () => {
    const [kindNames, placeNames] = [Object.keys(kinds), Object.keys(places)];
    for (let i = 0; i < 200; i++) {
      const [kind, place] = [kindNames[i % kindNames.length], placeNames[i % placeNames.length]];
      const secret = word(12);
      const text = kinds[kind](secret);
      const shown = shownIn(places[place](text));
      assert.ok(!shown.includes(secret), `${kind} in ${place}: ${text}\n${shown}`);
      assert.ok(!shown.includes(Buffer.from(`me:${secret}`).toString("base64").slice(0, 12)), shown);
      assert.match(shown, /\*\*\*/);
    }
  });

  test("values of the caller's headers appear in no error, also where an excerpt cuts them", () => {
    for (const [name, make] of [
      ["X-Tenant", (secret) => [secret, secret]],
      ["Authorization", (secret) => [`Custom ${secret}`, secret]],
      ["Cookie", (secret) => [`a=1; b=${secret}`, secret]],
      ["Authorization", (secret) => [`Basic ${Buffer.from(`me:${secret}`).toString("base64")}`, secret]],
      ["X-Quote", (secret) => [`${secret}"é`, encodeURIComponent(`${secret}"é`)]],
    ]) {
      const [value, echoed] = make(word(24));
      new CamelGPTInference("never-loaded.gguf", { headers: { [name]: value } });
      for (const [place, errorOf] of Object.entries(places)) {
        const shown = shownIn(errorOf(`the server sent ${echoed} and ${JSON.stringify(value)}`));
        assert.ok(!shown.includes(echoed.slice(0, 8)), `${name} in ${place}: ${shown}`);
      }
      const shown = shownIn(places.found(`"${"x".repeat(40)} ${echoed.slice(0, 12)}"…`));
      assert.ok(!shown.includes(echoed.slice(0, 8)), shown);
    }
  });

  test("headers that are no secrets hide nothing", () => {
    new CamelGPTInference("never-loaded.gguf", { headers: { Accept: "application/octet-stream", "X-Flag": "true" } });
    const { message } = new CamelGPTError("network", "The type is application/octet-stream, which is true.");
    assert.equal(message, "The type is application/octet-stream, which is true.");
  });

  test("ordinary texts and causes stay unchanged", () => {
    for (const text of [
      "There is no file at https://huggingface.co/owner/repo/resolve/main/model.gguf.",
      "https://host/m.gguf?download=true#files",
      "Private weights need the option `headers`, for example { Authorization: ... }.",
      'The model does not have the token "<|im_end|>": token 5 of 256 tokens, key: value, ggml.eos_token_id=5',
      `expected ${"0123456789abcdef".repeat(4)}, found ${"fedcba9876543210".repeat(4)}`,
      "Did you mean --no-cache? A Content-Security-Policy needs script-src 'wasm-unsafe-eval'.",
      "/home/me/node_modules/.pnpm/pkg@1.0.0/node_modules/@scope/pkg/model.gguf",
      "basic functions of the bearer of news",
    ]) {
      assert.equal(new CamelGPTError("network", text).message, text);
    }
    for (const cause of [new Error("ECONNREFUSED 127.0.0.1:80"), { why: ["stop"] }, "stop", 5, null]) {
      assert.equal(new CamelGPTError("aborted", "The call was aborted.", { cause }).cause, cause);
    }
    const cyclic = new Error("a");
    cyclic.cause = cyclic;
    assert.equal(new CamelGPTError("internal", "a", { cause: cyclic }).cause, cyclic);
    cyclic.token = "abc";
    assert.ok(!inspect(new CamelGPTError("internal", "a", { cause: cyclic }), { depth: null }).includes("abc"));
  });

  test("a long message is cut in the middle, where no secret remains, and takes no long time", () => {
    for (let at = 1980; at < 2010; at++) {
      const secret = word(40);
      const { message } = new CamelGPTError("internal", `${" ".repeat(at)}hf_${secret}${" ".repeat(9000)}The end.`);
      assert.ok(!message.includes(secret.slice(0, 6)) && !message.includes(secret.slice(-6)), message);
      assert.match(message, /The end\.$/);
    }
    for (const part of ["https://a", "//", "sk-", "x-a-key", "?token=a&", "authorization: ", "eyJaaaaaaaaaa."]) {
      const clock = startClock();
      const { message } = new CamelGPTError("internal", part.repeat(500_000));
      assert.ok(message.length <= 4001, part);
      assert.equal(new CamelGPTError("internal", message).message, message);
      clock.expectBelow(100, part);
    }
  });
});

describe("a URL with a user name or password", () => {
  const secret = word(12);
  const urls = [
    `https://me:${secret}@host/model.gguf`,
    new URL(`https://${secret}@host/model.gguf`),
    `HTTPS:me:${secret}@host/model.gguf`,
    `https:\\\\me:${secret}@host/release/`,
    `https://me:${secret}@host:99999/model.gguf`,
    `https://me:a/${secret}@host/model.gguf`,
    `https://me:a?${secret}@host/model.gguf`,
    `//me:${secret}@host/model.gguf`,
    [`https://host/a-00001-of-00002.gguf`, `https://:${secret}@host/a-00002-of-00002.gguf`],
  ];

  test("is refused as a model, before anything is requested, and is not repeated", async () => {
    for (const url of urls) {
      for (const options of [{}, { fetch: () => assert.fail("requested") }]) {
        const error = await rejectsWith("bad-option", CamelGPTInference.load(url, { worker: false, ...options }));
        assert.ok(!shownIn(error).includes(secret));
        assert.match(error.hint, /headers/);
      }
    }
    await rejectsWith("bad-option", CamelGPTInference.verify(urls[3]));
    await rejectsWith("bad-option", CamelGPTInference.inspect(urls[0]));
  });

  test("is refused as an option", () => {
    for (const name of ["hub", "releases", "sidecar", "wasmUrl", "workerUrl"]) {
      assert.throws(
        () => new CamelGPTInference("model.gguf", { [name]: urls[0] }),
        (error) => error.code === "bad-option" && error.message.includes(name) && !shownIn(error).includes(secret),
      );
    }
  });
});

describe("a server that repeats what it was sent", () => {
  let server, url;
  before(async () => {
    server = createServer((request, response) => {
      const sent = request.headers["x-tenant"] ?? "";
      const answers = {
        "/refused.gguf": () => response.writeHead(403, `No ${sent}`).end(),
        "/page.gguf": () => response.writeHead(200, { "content-type": `text/html; for="${sent}"` }).end(),
        "/json.gguf": () => response.end(JSON.stringify({ error: `no access for you, sorry, ${sent}` })),
        "/redirect.gguf": () => response.writeHead(302, { location: `http://me:${sent}@127.0.0.1/m.gguf` }).end(),
        "/text.gguf": () => response.end(`<!doctype html>${sent}`),
        "/mini.gguf": () => response.end(readFileSync(join(repository, "models/camelgpt-mini/camelgpt-mini.gguf"))),
      };
      answers[request.url.split("?")[0]]();
    }).listen(0, "127.0.0.1");
    await new Promise((listening) => server.on("listening", listening));
    url = `http://127.0.0.1:${server.address().port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  test("gets them into no error", async () => {
    for (const worker of [true, false]) {
      for (const path of ["refused", "page", "json", "text", "redirect"]) {
        const secret = word(30);
        const loading = CamelGPTInference.load(`${url}/${path}.gguf?token=${secret}`, {
          headers: { "X-Tenant": secret },
          retries: 0,
          worker,
        });
        const error = await loading.then(
          () => assert.fail("loaded"),
          (reason) => reason,
        );
        assert.ok(error instanceof CamelGPTError);
        assert.ok(!shownIn(error).includes(secret.slice(0, 8)), shownIn(error));
      }
    }
  });

  test("and the caller's own fetch that fails with them", async () => {
    const secret = word(30);
    const fail = async (address, { headers }) => {
      throw Object.assign(new Error(`cannot send ${JSON.stringify(headers)}`), {
        request: new Request(address, { headers }),
      });
    };
    const options = { headers: { "X-Tenant": secret }, retries: 0, fetch: fail, worker: false };
    const invalid = { headers: { "X-Tenant": `${secret}\n${secret}` }, retries: 0 };
    for (const each of [options, invalid]) {
      const error = await rejectsWith("network", CamelGPTInference.load(`${url}/mini.gguf?sig=${secret}`, each));
      assert.ok(!shownIn(error).includes(secret.slice(0, 8)), shownIn(error));
    }
  });

  test("progress and notes show no query", async () => {
    const secret = word(30);
    const events = [];
    const model = await CamelGPTInference.load(`${url}/mini.gguf?sig=${secret}`, {
      onProgress: (event) => events.push(event),
    });
    const { engine } = await model.info();
    await model.dispose();
    assert.ok(events.length > 0);
    assert.ok(!JSON.stringify([events, engine.notes]).includes(secret.slice(0, 8)));
  });
});
