// A .gguf file that is dropped anywhere on the page is loaded.
import { loadModel } from "../state/model.js";

export function acceptDroppedModels(): void {
  const mark = (isOver: boolean) => document.body.classList.toggle("drop-target", isOver);
  addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    mark(true);
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) mark(false);
  });
  addEventListener("drop", (event) => {
    const file = event.dataTransfer?.files[0];
    mark(false);
    if (!file) return;
    event.preventDefault(); // otherwise the browser leaves the page
    void loadModel(file);
  });
}
