// Tasks, which all tabs but the chat have: each runs on a model that can do it, until it ends or is stopped.
import type { ModelInfo } from "@gpt-research/camelgpt-inference";
import { type Signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { fill, words } from "../i18n/words.js";
import { loadModel, modelState, type Ready } from "../state/model.js";
import { change } from "../state/settings.js";
import { isAbort, Problem } from "./problem.js";

const t = words({
  load: ["Load {name}", "加载 {name}", "Cargar {name}", "{name} laden", "{name} を読み込む"],
  any: [
    "This needs a model.",
    "需要先加载模型。",
    "Hace falta un modelo.",
    "Dafür ist ein Modell nötig.",
    "モデルが必要です。",
  ],
  run: ["Run", "运行", "Ejecutar", "Ausführen", "実行"],
  stop: ["Stop", "停止", "Parar", "Stopp", "停止"],
});

interface NeedsProps {
  /** A model that can do the task. */
  name: string;
  /** Whether the loaded model can do it; by default any can. */
  fits?: (info: ModelInfo) => boolean;
  /** The need, in one sentence. */
  why?: string;
  children: (ready: Ready) => ComponentChildren;
}

/** The task, or one sentence about the model that it needs. */
export function NeedsModel({ name, fits = () => true, why, children }: NeedsProps) {
  const state = modelState.value;
  if (state.status === "ready" && fits(state.info)) return <>{children(state)}</>;
  return (
    <div class="card row">
      <p>{why ?? t.any}</p>
      <button
        type="button"
        class="primary"
        disabled={state.status === "loading"}
        onClick={() => {
          change({ model: name });
          void loadModel(name);
        }}
      >
        {fill(t.load, { name })}
      </button>
    </div>
  );
}

export interface Task {
  isBusy: Signal<boolean>;
  problem: Signal<unknown>;
  /** Runs the task, unless it is running. */
  start(): void;
  stop(): void;
}

/** A task that is stopped when its tab is left. */
export function useTask(run: (signal: AbortSignal) => Promise<void>): Task {
  const isBusy = useSignal(false);
  const problem = useSignal<unknown>(undefined);
  const abort = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => abort.current?.abort(), []);
  return {
    isBusy,
    problem,
    start() {
      if (isBusy.peek()) return;
      isBusy.value = true;
      problem.value = undefined;
      abort.current = new AbortController();
      run(abort.current.signal)
        .catch((error: unknown) => {
          if (!isAbort(error)) problem.value = error;
        })
        .finally(() => {
          isBusy.value = false;
        });
    },
    stop: () => abort.current?.abort(),
  };
}

/** The buttons of a task, and its error. */
export function TaskButtons({ task, label = t.run }: { task: Task; label?: string }) {
  return (
    <>
      <div class="row">
        <button type="submit" class="primary" disabled={task.isBusy.value}>
          {label}
        </button>
        <button type="button" disabled={!task.isBusy.value} onClick={task.stop}>
          {t.stop}
        </button>
      </div>
      <Problem error={task.problem.value} />
    </>
  );
}

interface FormProps {
  task: Task;
  label?: string;
  children: ComponentChildren;
}

export function TaskForm({ task, label, children }: FormProps) {
  return (
    <form
      class="card stack"
      onSubmit={(event) => {
        event.preventDefault();
        task.start();
      }}
    >
      {children}
      <TaskButtons task={task} {...(label !== undefined && { label })} />
    </form>
  );
}
