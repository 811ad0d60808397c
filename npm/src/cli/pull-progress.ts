// The progress of a pull: a line that changes on a terminal, some plain lines in a pipe or file.
import { shortUrl } from "../../../web/load/names.js";
import type { PullOptions, PullProgress, PullStart } from "./pull/pull-model.js";
import { duration, megabytes } from "./pull/units.js";
import { printNote, showProgressLine, showsProgress } from "./output.js";
import { PlainLines, Speed } from "./speed.js";

/** Milliseconds over which the speed is measured. */
const speedWindow = 5000;

/** The callbacks of a pull. */
export function pullProgress(name: string): Pick<PullOptions, "onStart" | "onProgress" | "onWait"> {
  const meter = new Speed(speedWindow);
  const plainLines = new PlainLines();
  let file = 0;

  const lineOf = (progress: PullProgress): string => {
    const { received, total, files } = progress;
    if (progress.file !== file) {
      file = progress.file;
      meter.reset();
      plainLines.reset();
    }
    const speed = meter.add(received);
    return [
      files > 1 && `file ${file} of ${files}`,
      total !== undefined && `${Math.floor((100 * received) / total)} %`,
      total === undefined ? megabytes(received) : `${megabytes(received)} of ${megabytes(total)}`,
      speed > 0 && `${megabytes(speed)}/s`,
      speed > 0 && total !== undefined && received < total && `${duration((total - received) / speed)} left`,
    ]
      .filter(Boolean)
      .join(" · ");
  };

  return {
    onStart: (start) => printNote(startLine(name, start)),
    onWait: (url) => printNote(`Another process is downloading ${url}: waiting for it.`),
    onProgress(progress) {
      const line = lineOf(progress);
      const { received, total, resumedFrom } = progress;
      const isEnd = received === total;
      if (showsProgress()) {
        if (isEnd) showProgressLine();
        else showProgressLine(`${name}: ${line}`);
        return;
      }
      if (received === resumedFrom && received > 0) printNote(`${name}: continues at ${megabytes(received)}`);
      const percent = total === undefined ? 0 : (100 * received) / total;
      if (isEnd || !plainLines.isDue(percent)) return;
      printNote(`${name}: ${line}`);
    },
  };
}

function startLine(name: string, { files, entry, bytes, notes }: PullStart): string {
  const size = bytes === undefined ? "" : `${megabytes(bytes)} `;
  const from = shortUrl(files[0]!.url);
  const count = files.length > 1 ? `, ${files.length} files` : "";
  const licence = entry ? ` (licence: ${entry.licence})` : "";
  return [`${name}: downloading ${size}from ${from}${count}${licence}`, ...notes].join(". ").replace(/\.\. /g, ". ");
}
