// Tables in Markdown.

/** A table in the form that Biome gives it, with an end of line after each row. */
export function aligned([head, ...rows]) {
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((cells) => cells[i].length)));
  const line = (cells) => `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(" | ")} |\n`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("");
}

export const escapePipes = (text) => text.replaceAll("|", "\\|");
