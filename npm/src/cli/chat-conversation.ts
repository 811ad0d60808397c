// A model and the chat with it, as `camelgpt chat` holds them: both can be replaced while the messages stay.
import { redact } from "../../../web/redact.js";
import type { CamelGPTInference, ChatMessage, ChatSession, DroppedTurns, ResponseFormat } from "../entry/node.js";
import type { Flags } from "./command.js";
import { generateOptions } from "./generation-flags.js";
import { loadModel } from "./model.js";
import { templateOptions } from "./reasoning.js";

export class Conversation {
  readonly #onDrop: (dropped: DroppedTurns) => void;
  /** Of all answers. */
  readonly format: ResponseFormat | undefined;
  #flags: Flags;
  #source: string;
  #model: CamelGPTInference;
  #chat: ChatSession;

  private constructor(
    flags: Flags,
    format: ResponseFormat | undefined,
    source: string,
    model: CamelGPTInference,
    onDrop: (dropped: DroppedTurns) => void,
  ) {
    this.#flags = flags;
    this.format = format;
    this.#source = source;
    this.#model = model;
    this.#onDrop = onDrop;
    this.#chat = this.#newChat(flags.text("system"), []);
  }

  /** Loads the model. Errors: those of a load. */
  static async open(
    flags: Flags,
    format: ResponseFormat | undefined,
    source: string,
    signal: AbortSignal,
    onDrop: (dropped: DroppedTurns) => void,
  ): Promise<Conversation> {
    const model = await loadModel(source, flags, signal);
    return new Conversation(flags, format, source, model, onDrop);
  }

  get chat(): ChatSession {
    return this.#chat;
  }

  get model(): CamelGPTInference {
    return this.#model;
  }

  /** The source of the model, without secrets of an address. */
  get name(): string {
    return redact(this.#source);
  }

  get system(): string | undefined {
    const first = this.#chat.messages[0];
    return first?.role === "system" ? String(first.content) : undefined;
  }

  /** Changes the system text; undefined removes it. */
  setSystem(system: string | undefined): void {
    this.#chat = this.#newChat(system, this.#history());
  }

  /** Forgets all messages but the system text. */
  clear(): void {
    this.#chat = this.#newChat(this.system, []);
  }

  /** Continues a saved chat. Errors: those of `restoreChat`; then the chat is as before. */
  async restore(saved: Uint8Array, signal: AbortSignal): Promise<void> {
    this.#chat = await this.#model.restoreChat(saved, { ...this.#options(), signal });
  }

  /** Loads a model, by default this one, with other flags. Errors: those of a load; then the chat is as before. */
  async reload(
    named: string | undefined,
    flags: Record<string, string | undefined>,
    signal: AbortSignal,
  ): Promise<void> {
    const [source, changed] = [named ?? this.#source, this.#flags.with(flags)];
    const model = await loadModel(source, changed, signal);
    const [system, history, previous] = [this.system, this.#history(), this.#model];
    [this.#model, this.#source, this.#flags] = [model, source, changed];
    this.#chat = this.#newChat(system, history);
    await previous.dispose();
  }

  dispose(): Promise<void> {
    return this.#model.dispose();
  }

  #newChat(system: string | undefined, history: readonly ChatMessage[]): ChatSession {
    return this.#model.createChat({ ...this.#options(), ...(system !== undefined && { system }), history });
  }

  #options() {
    return {
      ...generateOptions(this.#flags),
      ...templateOptions(this.#flags),
      responseFormat: this.format,
      onDrop: this.#onDrop,
    };
  }

  #history(): ChatMessage[] {
    return this.#chat.messages.filter(({ role }, i) => i > 0 || role !== "system");
  }
}
