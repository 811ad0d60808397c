// The tables of records as print_records prints them go in, the TypeScript of build/wasm/records.ts comes out.

const opening = `// Made by scripts/lib/records.mjs from the tables of records in src/ and bindings/. Not to be edited.

/** Type and offset of a field; then the names of its numbers, or its record; then the names of its records. */
export type FieldLayout =
  | readonly [type: "bool" | "u32" | "i32" | "u64" | "f32" | "i32?" | "f32?" | "text", offset: number]
  | readonly [type: "enum", offset: number, names: readonly string[]]
  | readonly [type: "record", offset: number, record: RecordLayout<object>]
  | readonly [type: "records", offset: number, record: RecordLayout<object>, names: readonly string[]];

/** Where the fields of a record lie in linear memory. */
export interface RecordLayout<T> {
  readonly size: number;
  readonly fields: { readonly [K in keyof T]-?: FieldLayout };
}

/** What an option may be. */
export type FieldRule =
  | { readonly type: "flag" }
  | { readonly type: "choice"; readonly names: readonly string[] }
  | {
      readonly type: "integer" | "number";
      readonly min: number;
      readonly max: number;
      readonly above?: true;
      readonly below?: true;
      /** The range, in words. */
      readonly range: string;
    };

/** What people read of an option. */
export interface FieldWords {
  readonly help: string;
  /** Its default, in words. */
  readonly default: string;
}
`;

export const camelCase = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
const lowerFirst = (name) => name[0].toLowerCase() + name.slice(1);
const namesOf = (type) => `${lowerFirst(type)}Names`;

/** Records whose fields a user may set: they have rules and words. */
const isOptions = ({ name }) => name.endsWith("Options");

/** The printed tables, with inlined records resolved: `{enums, records, places}`. */
export function readTables(json) {
  const { records: printed, enums } = JSON.parse(json);
  const byName = new Map(printed.map((record) => [record.name, record]));
  const flat = (record, from = 0) =>
    record.fields.flatMap((field) =>
      field.inlined ? flat(byName.get(field.record), from + field.offset) : [describe(field, from)],
    );
  const records = printed
    .filter(({ name }) => name !== "Records")
    .map((record) => ({
      ...record,
      fields: flat(record),
      ownFields: record.fields.filter(({ inlined }) => !inlined).map((field) => describe(field, 0)),
      bases: record.fields.filter(({ inlined }) => inlined).map((field) => field.record),
    }));
  const allEnums = new Map(enums.map((each) => [each.type, each.names]));
  for (const { fields } of records)
    for (const { type, enum: names } of fields) if (type === "enum") allEnums.set(names.type, names.names);
  const places = byName.get("Records").fields.map(({ name, offset }) => [camelCase(name), offset]);
  return { enums: [...allEnums], records, places };
}

/** A field with its name in TypeScript, its help without the default, and that default. */
function describe(field, from) {
  const [, help, words] = /^(.*?)(?: Default: (.*)\.)?$/s.exec(field.help);
  const value = field.type === "f32" ? shortest(field.default) : field.default;
  return {
    ...field,
    name: camelCase(field.name),
    offset: from + field.offset,
    default: value,
    help,
    defaultWords: words ?? (field.type === "enum" ? `\`${value}\`` : String(value)),
  };
}

/** The shortest decimal number that is the same float. */
function shortest(value) {
  const float = Math.fround(value);
  for (let digits = 1; digits < 9; digits++) {
    const candidate = Number(float.toPrecision(digits));
    if (Math.fround(candidate) === float) return candidate;
  }
  return float;
}

export function recordsModule({ enums, records, places }) {
  const parts = [opening];
  for (const [type, names] of enums) {
    parts.push(`export const ${namesOf(type)} = ${JSON.stringify(names)} as const;
export type ${type} = (typeof ${namesOf(type)})[number];
`);
  }
  for (const record of records) {
    parts.push(interfaceOf(record), layoutOf(record));
    if (isOptions(record)) parts.push(rulesOf(record), wordsOf(record));
  }
  parts.push(`/** Where each record at the boundary lies in the block of records. */
export const places = { ${places.map(([name, offset]) => `${name}: ${offset}`).join(", ")} } as const;
`);
  return parts.join("\n");
}

function interfaceOf({ name, help, ownFields, bases, fields }) {
  const hasDefaults = isOptions({ name, fields });
  const lines = ownFields.map((field) => {
    const { range } = (hasDefaults && ruleOf(field)) || {};
    const help = range === undefined || range === "at least 0" ? field.help : `${field.help} Range: ${range}.`;
    const docs = comment(help, hasDefaults && field.type !== "record" ? field.defaultWords : undefined, "  ");
    return `${docs}  ${field.name}: ${typeOf(field)};\n`;
  });
  const extended = bases.length > 0 ? ` extends ${bases.join(", ")}` : "";
  return `${comment(help)}export interface ${name}${extended} {\n${lines.join("")}}\n`;
}

function typeOf({ type, record, enum: names, negativeMeansNone }) {
  if (type === "record") return names ? `Record<${union(names.names)}, ${record}>` : record;
  if (type === "enum") return names.type;
  const plain = type === "bool" ? "boolean" : type === "text" ? "string" : "number";
  return negativeMeansNone ? `${plain} | null` : plain;
}

const union = (names) => names.map((name) => JSON.stringify(name)).join(" | ");

function layoutOf({ name, size, fields }) {
  const rows = fields.map(({ name: field, type, offset, record, enum: names, negativeMeansNone }) => {
    const layout =
      type === "record"
        ? [names ? '"records"' : '"record"', offset, `${lowerFirst(record)}Layout`, ...(names ? [list(names)] : [])]
        : type === "enum"
          ? ['"enum"', offset, namesOf(names.type)]
          : [JSON.stringify(negativeMeansNone ? `${type}?` : type), offset];
    return `    ${field}: [${layout.join(", ")}],\n`;
  });
  return `export const ${lowerFirst(name)}Layout: RecordLayout<${name}> = {
  size: ${size},
  fields: {
${rows.join("")}  },
};
`;
}

const list = ({ names }) => JSON.stringify(names);

/** The rule of a field; undefined for a record. */
export function ruleOf({ type, min, max, minExcluded, maxExcluded, enum: names }) {
  if (type === "record") return undefined;
  if (type === "bool") return { type: "flag" };
  if (type === "enum") return { type: "choice", names: names.names };
  return {
    type: type === "f32" ? "number" : "integer",
    min,
    max,
    ...(minExcluded && { above: true }),
    ...(maxExcluded && { below: true }),
    range: rangeWords(min, max, minExcluded, maxExcluded),
  };
}

function rangeWords(min, max, minExcluded, maxExcluded) {
  if (max >= 2 ** 31 - 1) return `at least ${min}`;
  if (minExcluded) return `above ${min}, at most ${max}`;
  return `${min} to ${maxExcluded ? "below " : ""}${max}`;
}

function rulesOf({ name, fields }) {
  const rows = fields.flatMap((field) => {
    const rule = ruleOf(field);
    return rule ? [`  ${field.name}: ${JSON.stringify(rule)},\n`] : [];
  });
  return `export const ${lowerFirst(name)}Rules = {\n${rows.join("")}} as const satisfies Record<string, FieldRule>;\n`;
}

function wordsOf({ name, fields }) {
  const rows = fields.flatMap(({ name: field, type, help, defaultWords }) =>
    type === "record" ? [] : [`  ${field}: ${JSON.stringify({ help, default: defaultWords })},\n`],
  );
  return `export const ${lowerFirst(name)}Words: Readonly<Record<keyof typeof ${lowerFirst(name)}Rules, FieldWords>> = {
${rows.join("")}};
`;
}

/** A doc comment, wrapped at 120 columns; nothing without text. */
function comment(help, words, indent = "") {
  const lines = [...wrap(help, 117 - indent.length), ...(words === undefined ? [] : [`@default ${words}`])];
  if (lines.length === 0) return "";
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}\n`).join("")}${indent} */\n`;
}

/** The lines of a text that is wrapped at `width` columns. */
export function wrap(text, width) {
  const lines = [];
  for (const word of text.split(" ").filter(Boolean)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
