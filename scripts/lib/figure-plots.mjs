// The plots of the documentation, from results files.
import { fastestSet } from "../../tests/bench/report/history.mjs";
import { plotBars } from "../../tests/bench/report/plots.mjs";
import { fileOf } from "./figures.mjs";

/** Path → SVG. */
export function figurePlots(results) {
  const engines = fileOf("engines", results);
  const bars = engines.rows
    .filter(({ measure, at }) => measure === "decode" && at === 0)
    .map(({ label, median, min, max }) => ({ label, value: median, min, max }));
  return {
    "docs/images/speed.svg": plotBars(`SmolLM2-135M on ${cpuOf(engines)}: tokens a second, one thread`, bars, "tok/s"),
  };
}

const cpuOf = ({ machine }) => `${machine.cpu} (${fastestSet(machine).replaceAll("_", "-").toUpperCase()})`;
