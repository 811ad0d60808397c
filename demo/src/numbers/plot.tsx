// Plots by uPlot, which is loaded with the first of them. Colours are those of the page, light or dark.
import { useSignal, useSignalEffect } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type uPlot from "uplot";

import { language, number, words } from "../i18n/words.js";
import type { Bar, BarChart, Chart, LineChart } from "./charts.js";
import { measureName, valueText } from "./format.js";

const t = words({
  pruning: [
    "Pruning: speed (× dense) against divergence (KL, nats a token)",
    "剪枝：速度（相对稠密模型的倍数）与散度（每词元 KL，奈特）",
    "Poda: velocidad (× modelo denso) frente a divergencia (KL, nats por token)",
    "Pruning: Geschwindigkeit (× dichtes Modell) über der Abweichung (KL, Nats je Token)",
    "プルーニング：速度（密モデル比）と乖離（トークンあたり KL、nat）",
  ],
});

const rowHeight = 46;
const lineHeight = 260;
const colours = ["--series-0", "--series-1", "--series-2", "--series-3"] as const;

export const chartTitle = (chart: Chart): string => (chart.kind === "bars" ? measureName(chart) : t.pruning);

/** A plot with its title. Its values are also its label for screen readers. */
export function Plot({ chart, children }: { chart: Chart; children?: ComponentChildren }) {
  const height = chart.kind === "bars" ? chart.bars.length * rowHeight + 32 : lineHeight;
  const target = useRef<HTMLDivElement>(null);
  const scheme = useScheme();
  useEffect(() => {
    const element = target.current!;
    let plot: uPlot | undefined;
    let isGone = false;
    const observer = new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height }));
    void import("uplot").then(({ default: UPlot }) => {
      if (isGone) return;
      const size = { width: element.clientWidth, height, legend: { show: false }, cursor: { show: false } };
      const make = chart.kind === "bars" ? barPlot(chart, element, UPlot) : linePlot(chart, element, UPlot);
      plot = new UPlot({ ...size, ...make.options }, make.data, element);
      observer.observe(element);
    });
    return () => {
      isGone = true;
      observer.disconnect();
      plot?.destroy();
    };
  }, [chart, scheme.value, language.value]);
  // The place of the plot is reserved until uPlot has arrived.
  useEffect(() => {
    target.current!.style.height = `${height}px`;
  }, [height]);
  return (
    <figure class="plot">
      <figcaption>{chartTitle(chart)}</figcaption>
      <div ref={target} role="img" aria-label={descriptionOf(chart)} />
      {chart.kind === "lines" && (
        <ul class="legend">
          {chart.series.map(({ label }, i) => (
            <li key={label} class={`series-${i % colours.length}`}>
              {label}
            </li>
          ))}
        </ul>
      )}
      {children}
    </figure>
  );
}

function descriptionOf(chart: Chart): string {
  if (chart.kind === "bars") {
    const bars = chart.bars.map(({ label, value }) => `${label}: ${valueText(value, chart.unit)}`);
    return `${chartTitle(chart)}. ${bars.join("; ")}`;
  }
  const lines = chart.series.map(({ label, points }) => {
    return `${label}: ${points.map(([x, y]) => `${number(x, 4)} → ${number(y, 2)} ×`).join(", ")}`;
  });
  return `${chartTitle(chart)}. ${lines.join("; ")}`;
}

/** Counts changes between light and dark. */
function useScheme() {
  const changes = useSignal(0);
  useSignalEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const changed = () => {
      changes.value++;
    };
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  });
  return changes;
}

/** A colour of the page, as canvases need it. */
function colourOf(element: HTMLElement, name: string): string {
  element.style.color = `var(${name})`;
  const { color } = getComputedStyle(element);
  element.style.color = "";
  return color;
}

interface Made {
  options: Omit<uPlot.Options, "width" | "height">;
  data: uPlot.AlignedData;
}

/** Bars from left to right, each below its label. */
function barPlot({ bars, unit }: BarChart, element: HTMLElement, UPlot: typeof uPlot): Made {
  const [text, line, ours, theirs] = ["--text", "--line", "--series-0", "--series-1"].map((name) =>
    colourOf(element, name),
  ) as [string, string, string, string];
  const highest = Math.max(...bars.map(({ value, max = value }) => max));
  const places = bars.map((_, i) => i + 0.18);
  const fills = bars.map(({ isOurs }) => (isOurs ? ours : theirs));
  return {
    options: {
      padding: [4, 8, 0, 8],
      scales: {
        x: { time: false, ori: 1, dir: -1, range: [-0.5, bars.length - 0.5] },
        y: { ori: 0, dir: 1, range: [0, highest * 1.02] },
      },
      axes: [
        { show: false, side: 3 },
        {
          side: 2,
          size: 24,
          stroke: text,
          grid: { stroke: line, width: 1 },
          ticks: { show: false },
          values: (_, splits) => splits.map((value) => shortValue(value, unit)),
        },
      ],
      series: [
        {},
        {
          paths: UPlot.paths.bars!({
            size: [0.34, 16],
            disp: { fill: { unit: 3, values: () => fills } } as never,
          }),
          points: { show: false },
          fill: ours,
        },
      ],
      hooks: { draw: [(plot) => drawLabels(plot, bars, unit, text)] },
    },
    data: [places, bars.map(({ value }) => value)],
  };
}

/** Label and value above each bar, and a line from minimum to maximum over it. */
function drawLabels(plot: uPlot, bars: readonly Bar[], unit: BarChart["unit"], colour: string): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.font = `${12.5 * ratio}px system-ui, sans-serif`;
  ctx.fillStyle = colour;
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1.5 * ratio;
  ctx.textBaseline = "middle";
  for (const [i, { label, value, min, max }] of bars.entries()) {
    const y = plot.valToPos(i - 0.2, "x", true);
    const shown = valueText(value, unit);
    ctx.textAlign = "right";
    ctx.fillText(shown, bbox.left + bbox.width, y);
    ctx.textAlign = "left";
    ctx.fillText(fitting(ctx, label, bbox.width - ctx.measureText(shown).width - 10 * ratio), bbox.left, y);
    if (min === undefined || max === undefined) continue;
    const middle = plot.valToPos(i + 0.18, "x", true);
    ctx.beginPath();
    ctx.moveTo(plot.valToPos(min, "y", true), middle);
    ctx.lineTo(plot.valToPos(max, "y", true), middle);
    ctx.stroke();
  }
  ctx.restore();
}

/** The label, or its start if there is no room; the table has all of it. */
function fitting(ctx: CanvasRenderingContext2D, label: string, width: number): string {
  if (ctx.measureText(label).width <= width) return label;
  let end = label.length;
  while (end > 1 && ctx.measureText(`${label.slice(0, end)}…`).width > width) end--;
  return `${label.slice(0, end)}…`;
}

/** A mark of an axis, without the unit where the values above the bars have it. */
function shortValue(value: number, unit: BarChart["unit"]): string {
  if (unit === "bytes" || unit === "share") return valueText(value, unit);
  return number(value, value < 10 ? 2 : 0);
}

/** Lines with a point for each setting. */
function linePlot({ series }: LineChart, element: HTMLElement, UPlot: typeof uPlot): Made {
  const [text, line] = ["--text", "--line"].map((name) => colourOf(element, name)) as [string, string];
  const tables = series.map(({ points }) => [points.map(([x]) => x), points.map(([, y]) => y)]) as uPlot.AlignedData[];
  const axis = { stroke: text, grid: { stroke: line, width: 1 }, ticks: { show: false } };
  return {
    options: {
      padding: [12, 16, 0, 0],
      scales: { x: { time: false } },
      axes: [
        { ...axis, values: (_, splits) => splits.map((value) => number(value, 3)) },
        { ...axis, size: 48, values: (_, splits) => splits.map((value) => `${number(value, 2)} ×`) },
      ],
      series: [
        {},
        ...series.map(({ label }, i) => {
          const stroke = colourOf(element, colours[i % colours.length]!);
          return { label, stroke, width: 2, spanGaps: true, points: { show: true, size: 8, fill: stroke } };
        }),
      ],
    },
    data: UPlot.join(tables),
  };
}
