// Values with their units, and the names of measures, in the language in use.
import { bytes, fill, language, number, words } from "../i18n/words.js";
import { type Row, shownValue } from "./results.js";

const measures = words({
  load: [
    "Load to first token",
    "加载至首个词元",
    "Carga hasta el primer token",
    "Laden bis zum ersten Token",
    "最初のトークンまでの読み込み",
  ],
  memory: [
    "Memory until the first token",
    "首个词元前的内存",
    "Memoria hasta el primer token",
    "Speicher bis zum ersten Token",
    "最初のトークンまでのメモリ",
  ],
  prefill: ["Reading a prompt", "读取提示", "Lectura de la petición", "Lesen der Eingabe", "プロンプトの読み取り"],
  decode: ["Writing", "生成", "Escritura", "Schreiben", "生成"],
  "prefill-share": [
    "Reading: share of the roofline",
    "读取：占硬件上限的比例",
    "Lectura: parte del máximo del equipo",
    "Lesen: Anteil am Maximum der Maschine",
    "読み取り：ハードウェア上限比",
  ],
  "decode-share": [
    "Writing: share of the roofline",
    "生成：占硬件上限的比例",
    "Escritura: parte del máximo del equipo",
    "Schreiben: Anteil am Maximum der Maschine",
    "生成：ハードウェア上限比",
  ],
  wasm: ["WebAssembly", "WebAssembly", "WebAssembly", "WebAssembly", "WebAssembly"],
  gzip: [
    "JavaScript with gzip",
    "JavaScript（gzip）",
    "JavaScript con gzip",
    "JavaScript mit gzip",
    "JavaScript（gzip）",
  ],
  answer: [
    "Answer of 16 tokens",
    "16 个词元的回答",
    "Respuesta de 16 tokens",
    "Antwort mit 16 Token",
    "16 トークンの回答",
  ],
  "process-memory": [
    "Memory of the process",
    "进程内存",
    "Memoria del proceso",
    "Speicher des Prozesses",
    "プロセスのメモリ",
  ],
  mask: ["Mask of a token", "一个词元的掩码", "Máscara de un token", "Maske eines Tokens", "トークンのマスク"],
  compile: [
    "Compiling a grammar",
    "编译语法",
    "Compilación de una gramática",
    "Übersetzen einer Grammatik",
    "文法のコンパイル",
  ],
  "token-with-schema": [
    "A token with a schema",
    "有模式时的一个词元",
    "Un token con esquema",
    "Ein Token mit Schema",
    "スキーマありの 1 トークン",
  ],
  "token-without-schema": [
    "A token without a schema",
    "无模式时的一个词元",
    "Un token sin esquema",
    "Ein Token ohne Schema",
    "スキーマなしの 1 トークン",
  ],
  sentences: ["Sentences embedded", "嵌入的句子", "Frases codificadas", "Eingebettete Sätze", "埋め込んだ文"],
  "processor-time": [
    "Processor time of a sentence",
    "每句处理器时间",
    "Tiempo de procesador por frase",
    "Prozessorzeit eines Satzes",
    "1 文のプロセッサ時間",
  ],
  "first-token": ["First token", "首个词元", "Primer token", "Erstes Token", "最初のトークン"],
  "last-token": ["Last token", "最后的词元", "Último token", "Letztes Token", "最後のトークン"],
});

const lengths = words({
  prefill: ["of {n} tokens", "{n} 词元", "de {n} tokens", "von {n} Token", "{n} トークン"],
  decode: ["after {n} tokens", "{n} 词元之后", "tras {n} tokens", "nach {n} Token", "{n} トークン後"],
  answer: ["in {n} steps", "{n} 步", "en {n} pasos", "in {n} Schritten", "{n} ステップ"],
});

const units = words({
  "tok/s": ["tokens/s", "词元/秒", "tokens/s", "Token/s", "トークン/秒"],
  "sentences/s": ["sentences/s", "句/秒", "frases/s", "Sätze/s", "文/秒"],
  "J/token": ["J/token", "焦/词元", "J/token", "J/Token", "J/トークン"],
  nats: ["nats", "奈特", "nats", "nats", "nats"],
});

/** A measure with its length, such as "Writing after 4,096 tokens". */
export function measureName({ measure, at }: Pick<Row, "measure" | "at">): string {
  const name = measures[measure as keyof typeof measures] ?? measure;
  const length = lengths[measure as keyof typeof lengths];
  return at === undefined || length === undefined ? name : `${name} ${fill(length, { n: number(at) })}`;
}

/** A value with its unit. */
export function valueText(value: number, unit: Row["unit"]): string {
  switch (unit) {
    case "bytes":
      return bytes(value);
    case "share":
      return `${number(100 * value, 1)} %`;
    case "ratio":
      return `${number(value, 3)} ×`;
    case "s":
      return `${number(value, 2)} s`;
    case "ms":
      return `${significant(value)} ms`;
    case "us":
      return `${significant(value)} µs`;
    case "count":
      return number(value);
    case "nats":
      return `${number(value, 4)} ${units.nats}`;
    default:
      return `${number(value, 1)} ${units[unit]}`;
  }
}

const significant = (value: number): string => value.toLocaleString(language.value, { maximumSignificantDigits: 3 });

/** A value with its range, if there is one. */
export function rowText(row: Row): string {
  const value = valueText(shownValue(row), row.unit);
  if (row.min === undefined || row.max === undefined || row.min === row.max) return value;
  return `${value} (${valueText(row.min, row.unit)} – ${valueText(row.max, row.unit)})`;
}
