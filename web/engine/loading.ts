// The part of the engine that loads a model: takes the bytes of the file, plans memory and describes the model.
import type { Flavour, MemoryPlan, ModelNumbers, SamplingDefaults } from "../types.js";
import { Boundary } from "./boundary.js";
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

/** Options of the memory plan, all optional. */
export type MemoryOptions = DeepPartial<MemoryRecord>;

/** Until the model is loaded, the core reads no more than this from a sidecar. */
const sidecarHeadBytes = 4096;

export class LoadingEngine extends Boundary {
  get loadState(): LoadState {
    return loadStateNames[this.run((module) => module.loadState())] ?? "failed";
  }

  /** The buffer for the next bytes of the file. Valid until the next call. */
  staging(): Uint8Array {
    return this.bytesOf((module) => module.staging());
  }

  feed(size: number): void {
    this.check((module) => module.feed(size));
  }

  /** Limits the size of the headers of all files together. Must be called before `feed`. */
  setHeaderLimit(bytes: number): void {
    this.run((module) => module.setHeaderLimit(bytes));
  }

  /** The size of the file whose header is fed next. A header that declares more is `truncated`. */
  setFileSize(bytes: number): void {
    this.run((module) => module.setFileSize(bytes));
  }

  endOfFile(): void {
    this.check((module) => module.endOfFile());
  }

  /** The progress of reading the headers of a split model. */
  split(): SplitState {
    this.run((module) => module.split());
    return this.read("splitState", splitStateLayout);
  }

  /** Size of the whole file in bytes, according to its header; 0 until the header is complete. */
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

  /** The properties of a sidecar that a load depends on. */
  sidecarInfo(sidecar: Uint8Array, options: DeepPartial<PruneOptions>): SidecarInfo {
    this.write("pruneOptions", pruneOptionsLayout, options);
    const size = this.putBytes(sidecar.subarray(0, sidecarHeadBytes), "the sidecar");
    this.run((module) => module.sidecarInfo(size));
    return this.read("sidecarInfo", sidecarInfoLayout);
  }

  // --- eager loading ---

  /** Switches to eager loading: `wanted` then returns the bytes to feed next. */
  loadEagerly(): void {
    this.check((module) => module.loadEagerly());
  }

  /** The bytes of the file that `feed` takes next; undefined if there are none, or before the header is known. */
  wanted(): FileRange | undefined {
    this.run((module) => module.wanted());
    const range = this.read("wanted", fileRangeLayout);
    return range.from < range.to ? range : undefined;
  }

  /** Whether all weights have arrived. A model that is ready earlier can only generate. */
  get isComplete(): boolean {
    return this.run((module) => module.isComplete());
  }

  /**
   * The bytes of the file to request for what the last `advance` lacked; empty if it is to wait for all remaining
   * weights. `requestBytes`: bytes that arrive in the time that a request adds.
   */
  requestRows(requestBytes: number): FileRange[] {
    return this.recordsOf((module) => module.requestRows(requestBytes), fileRangeLayout);
  }

  /** Takes the whole rows among these bytes and returns their size. At most as many bytes as `staging` has. */
  feedRows(from: number, bytes: Uint8Array): number {
    this.staging().set(bytes);
    let used = 0;
    this.check((module) => {
      used = module.feedRows(from, bytes.length);
      return used > 0;
    });
    return used;
  }

  // --- inspection ---

  /** The kernels in use, for example "relaxed dot32". */
  get kernels(): string {
    return readText(
      this.memory.buffer,
      this.run((module) => module.kernelsName()),
    );
  }

  /** The flavour that runs. The module itself is asked, because the caller may have passed any build. */
  get flavour(): Flavour {
    return this.kernels.startsWith("relaxed") ? "relaxed" : "simd";
  }

  modelInfo(): ModelNumbers {
    const { wantsComposedText: _, sampling: _sampling, ...numbers } = this.model();
    return numbers;
  }

  /** The sampling options that the file recommends. */
  recommendedSampling(): SamplingDefaults {
    const found = Object.entries(this.model().sampling).filter(([, value]) => value !== null);
    // As decimals the numbers had before they became 32-bit floats.
    return Object.fromEntries(found.map(([name, value]) => [name, Number((value as number).toPrecision(7))]));
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

  /** Oddities of the file that do not prevent its use. */
  notes(): string[] {
    return this.textOf((module) => module.notes())
      .split("\n")
      .filter(Boolean);
  }
}
