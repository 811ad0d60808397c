// The map of pruning: which rows of the vocabulary, and which neurons, the model computed for each token. A cell lights
// up when it is used and then fades.
import type { ModelInfo, StepActivity } from "@gpt-research/camelgpt-inference";
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { fill, number, words } from "../i18n/words.js";
import { steps } from "./live.js";

const t = words({
  map: [
    "Map of the parts of the model that are awake",
    "模型中被唤醒部分的示意图",
    "Mapa de las partes despiertas del modelo",
    "Karte der wachen Teile des Modells",
    "起きている部分のマップ",
  ],
  rows: [
    "For this token: {rows} of {all} words of the vocabulary were scored exactly.",
    "本词元：词表 {all} 个词中精确计算了 {rows} 个。",
    "Para este token: {rows} de {all} palabras del vocabulario se evaluaron con exactitud.",
    "Für dieses Token: {rows} von {all} Wörtern des Vokabulars wurden exakt bewertet.",
    "このトークン：語彙 {all} 語のうち {rows} 語を正確に計算。",
  ],
  neurons: [
    "{open} % of the neurons were open.",
    "{open} % 的神经元处于激活。",
    "El {open} % de las neuronas estaba activo.",
    "{open} % der Neuronen waren offen.",
    "ニューロンの {open} % が開いていました。",
  ],
  layers: [
    "Each row of bars is a layer; below, each cell is 64 words of the vocabulary.",
    "每行条形为一层；下方每格为词表中的 64 个词。",
    "Cada barra es una capa; debajo, cada celda son 64 palabras del vocabulario.",
    "Jeder Balken ist eine Schicht; darunter steht jede Zelle für 64 Wörter.",
    "棒は各層、その下のマスは語彙 64 語分です。",
  ],
});

const width = 352;
const fade = 0.9; // of the light that remains after a frame
const rest = 0.45; // of the light of the last step that stays

export function EpdpMap({ info }: { info: ModelInfo }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const last = useSignal<StepActivity | undefined>(undefined);
  const { layers, vocabulary, ffn } = info;
  const cells = Math.ceil(vocabulary / 64);
  const columns = Math.ceil(Math.sqrt(cells * 3));
  const size = width / columns;
  const layerHeight = Math.max(2, Math.floor(96 / layers));
  const height = layers * layerHeight + 8 + Math.ceil(Math.ceil(cells / columns) * size);

  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!canvas.current || !context) return;
    const scale = Math.min(2, devicePixelRatio);
    Object.assign(canvas.current, { width: width * scale, height: height * scale });
    context.scale(scale, scale);
    const light = new Float32Array(cells);
    const lastLight = new Float32Array(cells);
    const open = new Float32Array(layers);
    let glow = rest; // of the layers
    let drawn = 0; // steps that are on the map
    let frame = 0;
    let isStill = false; // nothing fades; the first frame draws the map asleep
    let told = 0;
    const style = getComputedStyle(canvas.current);
    const draw = () => {
      frame = requestAnimationFrame(draw);
      if (steps.length < drawn) drawn = 0;
      if (steps.length === drawn && isStill) return;
      if (drawn < steps.length) glow = 1;
      for (; drawn < steps.length; drawn++) addStep(steps[drawn]!, { light, lastLight, open, vocabulary, ffn });
      const now = performance.now();
      if (now - told > 250 && steps.length > 0) {
        told = now; // words change less often than the map
        last.value = steps.at(-1);
      }
      paint(context, style.color, { light, open, glow, columns, size, layerHeight, height });
      glow = Math.max(rest, glow * fade);
      isStill = dim(light, lastLight) && glow === rest;
    };
    frame = requestAnimationFrame(draw);
    return () => cancelAnimationFrame(frame);
  }, [info]);

  const step = last.value;
  const openShare = step ? step.openNeurons.reduce((sum, count) => sum + count, 0) / (layers * ffn) : 0;
  return (
    <figure class="map">
      <canvas ref={canvas} role="img" aria-label={t.map} />
      <figcaption>
        <small class="figures">
          {step && step.headRows > 0 && fill(t.rows, { rows: number(step.headRows), all: number(vocabulary) })}{" "}
          {openShare > 0 && fill(t.neurons, { open: number(100 * openShare) })} {!step && t.layers}
        </small>
      </figcaption>
    </figure>
  );
}

interface Lights {
  /** Of each cell of the vocabulary, 0 to 1. */
  light: Float32Array;
  /** The share of each layer that is awake. */
  open: Float32Array;
}

interface Model {
  lastLight: Float32Array;
  vocabulary: number;
  ffn: number;
}

function addStep(step: StepActivity, { light, lastLight, open, vocabulary, ffn }: Lights & Model) {
  const isDense = step.headRows >= vocabulary;
  for (let i = 0; i < light.length; i++) {
    const count = step.headMap[i] ?? 0;
    lastLight[i] = isDense ? 1 : count > 0 ? 0.35 + 0.65 * Math.min(1, count / 16) : 0;
    light[i] = Math.max(light[i]!, lastLight[i]!);
  }
  // Layers whose neurons are not skipped are awake as a whole.
  for (let i = 0; i < open.length; i++) open[i] = step.openNeurons[i] ? step.openNeurons[i]! / ffn : 1;
}

/** Returns whether no cell fades any more. */
function dim(light: Float32Array, lastLight: Float32Array): boolean {
  let isStill = true;
  for (let i = 0; i < light.length; i++) {
    const least = Math.max(0, rest * lastLight[i]!);
    const faded = light[i]! * fade;
    isStill &&= faded <= least + 0.01;
    light[i] = Math.max(least, faded);
  }
  return isStill;
}

interface Layout extends Lights {
  glow: number;
  columns: number;
  size: number;
  layerHeight: number;
  height: number;
}

function paint(context: CanvasRenderingContext2D, color: string, layout: Layout) {
  const { light, open, glow, columns, size, layerHeight, height } = layout;
  context.clearRect(0, 0, width, height);
  context.fillStyle = color;
  for (let i = 0; i < open.length; i++) {
    context.globalAlpha = 0.1;
    context.fillRect(0, i * layerHeight, width, layerHeight - 1);
    context.globalAlpha = glow;
    context.fillRect(0, i * layerHeight, width * open[i]!, layerHeight - 1);
  }
  const top = open.length * layerHeight + 8;
  const edge = Math.max(1, size - 1);
  for (let i = 0; i < light.length; i++) {
    context.globalAlpha = 0.08 + 0.92 * light[i]!;
    context.fillRect((i % columns) * size, top + Math.floor(i / columns) * size, edge, edge);
  }
}
