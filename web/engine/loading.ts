// The engine until it answers: bytes of a file in, the plan of its memory and the numbers of its model out.
import type { Flavour, MemoryPlan, ModelNumbers } from "../types.js";
import { Border } from "./border.js";
import { readText } from "./layout.js";
import {
  type DeepPartial,
  type FileRange,
  fileRangeLayout,
  type LoadState,
  loadStateNames,
  type MemoryOptions as MemoryRecord,
  memoryOptionsLayout,
  memoryPlanLayout,
  type ModelInfo,
  modelInfoLayout,
  type PruneOptions,
  pruneOptionsLayout,
  type SidecarInfo,
  sidecarInfoLayout,
  type SplitState,
  splitStateLayout,
} from "./records.js";

/** What memory depends on beside the model; any may be missing. */
export type MemoryOptions = DeepPartial<MemoryRecord>;

/** The core reads no more of a sidecar before the model is there. */
const sidecarHeadBytes = 4096;

export class LoadingEngine extends Border {
  get loadState(): LoadState {
    return loadStateNames[this.run((module) => module.loadState())] ?? "failed";
  }

  /** Where the next bytes of the file go. Valid until the next call. */
  staging(): Uint8Array {
    return this.bytesOf((module) => module.staging());
  }

  feed(size: number): void {
    this.check((module) => module.feed(size));
  }

  endOfFile(): void {
    this.check((module) => module.endOfFile());
  }

  /** How much of the headers of a split model's files has arrived. */
  split(): SplitState {
    this.run((module) => module.split());
    return this.read("splitState", splitStateLayout);
  }

  /** Bytes of the whole file, by its header; 0 before it is known. */
  get fileBytes(): number {
    return this.run((module) => module.fileBytes());
  }

  /** Possible only before `allocate`. */
  plan(options: MemoryOptions): MemoryPlan {
    this.write("memoryOptions", memoryOptionsLayout, options);
    this.check((module) => module.plan());
    const { halves, ...plan } = this.read("memoryPlan", memoryPlanLayout);
    return { ...plan, weights: halves ? "f16" : "exact" };
  }

  allocate(options: MemoryOptions): void {
    this.write("memoryOptions", memoryOptionsLayout, options);
    this.check((module) => module.allocate());
  }

  /** What a sidecar tells before the model is there. */
  sidecarInfo(sidecar: Uint8Array, options: DeepPartial<PruneOptions>): SidecarInfo {
    this.write("pruneOptions", pruneOptionsLayout, options);
    const size = this.putBytes(sidecar.subarray(0, sidecarHeadBytes), "the sidecar");
    this.run((module) => module.sidecarInfo(size));
    return this.read("sidecarInfo", sidecarInfoLayout);
  }

  // --- eager loading ---

  /** From now on `wanted` says which bytes come next. */
  loadEagerly(): void {
    this.check((module) => module.loadEagerly());
  }

  /** The bytes of the file that `feed` takes next; undefined if there are none, or before the header is known. */
  wanted(): FileRange | undefined {
    this.run((module) => module.wanted());
    const range = this.read("wanted", fileRangeLayout);
    return range.from < range.to ? range : undefined;
  }

  /** Whether all weights have arrived. A model that is ready before can only generate. */
  get isComplete(): boolean {
    return this.run((module) => module.isComplete());
  }

  /** Bytes of the file that the last `advance` waits for; none: everything that is still wanted. */
  missing(): FileRange[] {
    return this.recordsOf((module) => module.missing(), fileRangeLayout);
  }

  /** Takes rows that `missing` named, and rows beside them: at most as many bytes as `staging` has. */
  feedRows(from: number, bytes: Uint8Array): void {
    this.staging().set(bytes);
    this.check((module) => module.feedRows(from, bytes.length));
  }

  // --- inspection ---

  /** The kernels in use, for example "relaxed dot32". */
  get kernels(): string {
    return readText(
      this.memory.buffer,
      this.run((module) => module.kernelsName()),
    );
  }

  /** The build that runs. The module itself tells, because the caller may have handed in any. */
  get flavour(): Flavour {
    return this.kernels.startsWith("relaxed") ? "relaxed" : "simd";
  }

  modelInfo(): ModelNumbers {
    const { wantsComposedText: _, ...numbers } = this.model();
    return numbers;
  }

  protected model(): ModelInfo {
    this.check((module) => module.info());
    return this.read("modelInfo", modelInfoLayout);
  }

  /** Possible only before the weights arrive. */
  metadata(): Record<string, unknown> {
    this.check((module) => module.metadataJson());
    return JSON.parse(this.output()) as Record<string, unknown>;
  }

  /** The tensors, in the layouts of the last plan. Possible only before the weights arrive. */
  tensors(): Record<string, unknown>[] {
    this.check((module) => module.tensorsJson());
    return JSON.parse(this.output()) as Record<string, unknown>[];
  }

  /** A string of the metadata; empty if the key is absent. */
  metadataString(key: string): string {
    const size = this.putText(key);
    return this.checkText((module) => module.metadataString(size));
  }
}
