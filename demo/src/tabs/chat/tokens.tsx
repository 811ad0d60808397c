// The tokens of an answer. Each shows on hover, focus or tap what the model could have written instead.
import type { StepLogprobs } from "@gpt-research/camelgpt-inference";
import { useSignal } from "@preact/signals";
import { number, words } from "../../i18n/words.js";

const t = words({
  hint: [
    "Point at a token to see its alternatives.",
    "指向词元查看其他可能。",
    "Señala un token para ver sus alternativas.",
    "Auf ein Token zeigen, um Alternativen zu sehen.",
    "トークンを指すと他の候補が見られます。",
  ],
});

export function Tokens({ tokens }: { tokens: readonly StepLogprobs[] }) {
  const chosen = useSignal<number | undefined>(undefined);
  const step = chosen.value === undefined ? undefined : tokens[chosen.value];
  return (
    <div>
      <p class="tokens">
        {tokens.map(({ text, logprob }, index) => (
          <button
            key={index}
            type="button"
            class={`token ${sureness(logprob)}`}
            onPointerEnter={() => (chosen.value = index)}
            onFocus={() => (chosen.value = index)}
          >
            {text}
          </button>
        ))}
      </p>
      <div class="alternatives" aria-live="polite">
        {step ? (
          <ol>
            {step.top.map(({ token, text, logprob }) => (
              <li key={token}>
                <code>{JSON.stringify(text)}</code> <span class="figures">{number(100 * Math.exp(logprob), 1)} %</span>
              </li>
            ))}
          </ol>
        ) : (
          <small>{t.hint}</small>
        )}
      </div>
    </div>
  );
}

const sureness = (logprob: number) => (logprob > -0.1 ? "sure" : logprob > -1 ? "likely" : "unsure");
