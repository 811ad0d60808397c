// Probabilities, each as a number and a bar.
import { number } from "../i18n/words.js";

export function Bars({ values, label }: { values: readonly { text: string; probability: number }[]; label: string }) {
  return (
    <table class="bars" aria-label={label}>
      <tbody>
        {values.map(({ text, probability }) => (
          <tr key={text}>
            <th scope="row">{text}</th>
            <td class="figures">{number(100 * probability, 1)} %</td>
            <td aria-hidden="true">
              <meter min={0} max={1} value={probability} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
