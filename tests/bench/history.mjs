// Prints the recorded results of `npm run bench -- --record` as Markdown tables, with the changes from run to run.
// Arguments are words that the heading of a table must contain: a machine, model or engine.
import { runMain } from "../../scripts/lib/run.mjs";
import { historyMarkdown, readHistory } from "./report/history.mjs";

await runMain((words) => {
  const lines = readHistory().filter(({ machine, model, engine }) =>
    words.every((word) => `${machine} ${model} ${engine}`.includes(word)),
  );
  process.stdout.write(historyMarkdown(lines));
});
