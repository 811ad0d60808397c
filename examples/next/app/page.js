"use client";

import { CamelGPTInference } from "@gpt-research/camelgpt-inference";
import { useState } from "react";

// The small model in the package; or pass the URL of another. It loads with the first call, so never on the server.
const model = new CamelGPTInference();

export default function Page() {
  const [text, setText] = useState("");
  const [engine, setEngine] = useState("");

  async function generate(event) {
    event.preventDefault();
    setText("");
    const answer = model.stream(event.target.prompt.value, { maxTokens: 12 });
    for await (const piece of answer) setText((before) => before + piece);
    const { flavour, threads, worker } = (await answer).engine;
    setEngine(`${flavour}, threads: ${threads}, ${worker ? "in a worker" : "on the page's thread"}`);
  }

  return (
    <form onSubmit={generate}>
      <input name="prompt" defaultValue="a dog runs through the water . german :" size="50" />
      <button type="submit">Generate</button>
      <p>
        <output>{text}</output>
      </p>
      <small>{engine}</small>
    </form>
  );
}
