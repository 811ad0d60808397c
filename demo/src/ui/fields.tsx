// Fields whose values are signals.
import type { Signal } from "@preact/signals";
import { useId } from "preact/hooks";

interface Props {
  label: string;
  value: Signal<string>;
}

export function TextField({ label, value }: Props) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="text"
        value={value.value}
        onInput={({ currentTarget }) => {
          value.value = currentTarget.value;
        }}
      />
    </div>
  );
}

export function TextArea({ label, value, rows = 4 }: Props & { rows?: number }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea
        id={id}
        rows={rows}
        value={value.value}
        onInput={({ currentTarget }) => {
          value.value = currentTarget.value;
        }}
      />
    </div>
  );
}
