// Draws bar and line plots as SVG. Each has its own background and is readable on light and dark pages.

const font = 'font-family="system-ui, sans-serif" font-size="13"';
const colours = [
  "#b45309",
  "#0369a1",
  "#15803d",
  "#7e22ce",
  "#be123c",
  "#0f766e",
  "#4d7c0f",
  "#1d4ed8",
  "#a16207",
  "#475569",
];
const widthOfLetter = 6.6; // about the average in this font
const ink = "#1f2937";
const faint = "#e5e7eb";

/**
 * One bar for each row, in order, from 0.
 * @param rows `[{label, value, min?, max?}]`
 * @param unit printed after each number, for example "tok/s"
 */
export function plotBars(title, rows, unit) {
  const [right, top, step] = [130, 48, 30];
  const left = Math.max(230, ...rows.map(({ label }) => 16 + widthOfLetter * label.length));
  const width = 820;
  const highest = Math.max(...rows.map(({ value, max = value }) => max), Number.MIN_VALUE);
  const x = (value) => left + (value / highest) * (width - left - right);
  const bars = rows.map(({ label, value, min, max }, i) => {
    const y = top + i * step;
    const spread = min === undefined ? "" : line([x(min), y + 10], [x(max), y + 10], ink);
    return [
      text(left - 8, y + 15, label, "end"),
      rectangle(left, y, round(x(value) - left), 20, colours[i % colours.length]),
      spread,
      text(Math.max(x(value), x(max ?? 0)) + 8, y + 15, `${shown(value)} ${unit}`),
    ].join("");
  });
  return picture(width, top + rows.length * step + 12, title, bars);
}

/**
 * One line for each series, from 0 upwards.
 * @param series `[{label, points: [[x, y], …]}]`
 * @param names  `{x, y}` of the axes
 */
export function plotLines(title, series, names) {
  const [left, right, top, bottom] = [70, 230, 68, 56];
  const [width, height] = [820, 400];
  const points = series.flatMap((each) => each.points);
  const most = [0, 1].map((axis) => Math.max(...points.map((point) => point[axis]), Number.MIN_VALUE));
  const place = ([x, y]) => [
    left + (x / most[0]) * (width - left - right),
    height - bottom - (y / most[1]) * (height - top - bottom),
  ];
  const base = height - bottom;
  const columns = [...new Set(points.map(([x]) => x))];
  const axes = [
    ...[0, 0.25, 0.5, 0.75, 1].map((share) => {
      const [, y] = place([0, share * most[1]]);
      return line([left, y], [width - right, y], faint) + text(left - 8, y + 4, shown(share * most[1]), "end");
    }),
    ...spaced(columns, (x) => place([x, 0])[0]).map((x) =>
      text(place([x, 0])[0], base + 18, x.toLocaleString("en"), "middle"),
    ),
    text((left + width - right) / 2, height - 14, names.x, "middle"),
    text(left - 8, top - 18, names.y, "end"),
  ];
  const lines = series.map(({ label, points }, i) => {
    const colour = colours[i % colours.length];
    const places = points.map(place);
    const corners = places.map((p) => p.map(round).join(",")).join(" ");
    const path = `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${corners}"/>`;
    const dots = places
      .map(([x, y]) => `<circle cx="${round(x)}" cy="${round(y)}" r="3.5" fill="${colour}"/>`)
      .join("");
    const y = top + 8 + i * 20;
    const swatch = rectangle(width - right + 16, y - 9, 12, 12, colour);
    return `${path}${dots}${swatch}${text(width - right + 34, y + 2, label)}`;
  });
  return picture(width, Math.max(height, top + series.length * 20 + 20), title, [...axes, ...lines]);
}

/** The marks whose texts do not overlap. */
function spaced(values, place) {
  const gap = 36;
  return [...values]
    .sort((a, b) => b - a)
    .reduce(
      (kept, value) => (kept.length === 0 || place(kept.at(-1)) - place(value) >= gap ? [...kept, value] : kept),
      [],
    );
}

function picture(width, height, title, parts) {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
      `role="img" aria-label="${escapeXml(title)}" ${font} fill="${ink}">`,
    rectangle(0, 0, width, height, "#ffffff"),
    `<text x="12" y="26" font-size="16" font-weight="600">${escapeXml(title)}</text>`,
    ...parts,
    "</svg>\n",
  ].join("\n");
}

function text(x, y, content, anchor = "start") {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escapeXml(content)}</text>`;
}

function rectangle(x, y, width, height, colour) {
  return `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="${colour}"/>`;
}

function line([x1, y1], [x2, y2], colour) {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${colour}"/>`;
}

const round = (value) => Number(value.toFixed(1));
const shown = (value) =>
  value === 0 || value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
const escapeXml = (content) =>
  String(content).replace(/[&<>"]/g, (mark) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[mark]);
