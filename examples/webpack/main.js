import { CamelGPTInference } from "@gpt-research/camelgpt-inference";

const model = new CamelGPTInference(); // the small model in the package; or pass the URL of another
const form = document.querySelector("form");

form.onsubmit = async (event) => {
  event.preventDefault();
  const output = form.querySelector("output");
  output.textContent = "";
  const answer = model.stream(form.prompt.value, { maxTokens: 12 });
  for await (const piece of answer) output.append(piece);
  const { flavour, threads, worker } = (await answer).engine;
  form.querySelector("small").textContent =
    `${flavour}, threads: ${threads}, ${worker ? "in a worker" : "on the page's thread"}`;
};
