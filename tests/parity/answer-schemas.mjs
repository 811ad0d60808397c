// JSON schemas as programs use them, of 5 to 30 properties, flat and nested, each with a prompt that asks for it.
const text = { type: "string", maxLength: 60 };
const name = { type: "string", minLength: 1, maxLength: 40 };
const count = { type: "integer", minimum: 0, maximum: 1000 };
const amount = { type: "number", minimum: 0, maximum: 10000 };
const yesNo = { type: "boolean" };
const date = { type: "string", format: "date" };
const oneOf = (...values) => ({ enum: values });
const list = (items, maxItems = 4, minItems = 0) => ({ type: "array", items, minItems, maxItems });

/** An object of these properties, all of them required but those whose name ends in `?`. */
function object(properties, more = {}) {
  const entries = Object.entries(properties).map(([key, schema]) => [key.replace(/\?$/, ""), schema]);
  return {
    type: "object",
    properties: Object.fromEntries(entries),
    required: Object.keys(properties).filter((key) => !key.endsWith("?")),
    additionalProperties: false,
    ...more,
  };
}

const address = object({ street: text, city: name, zip: { type: "string", pattern: "^\\d{5}$" }, "country?": name });
const money = object({ amount, currency: oneOf("EUR", "USD", "GBP") });

/** Entries that are named alike: `field1`, `field2`, … */
const numbered = (from, to, schema) =>
  Object.fromEntries(Array.from({ length: to - from + 1 }, (_, i) => [`field${from + i}`, schema]));

export const answerSchemas = [
  {
    prompt: "Describe a person as JSON.",
    schema: object({
      name,
      age: { type: "integer", minimum: 0, maximum: 120 },
      job: text,
      email: { type: "string", format: "email" },
      married: yesNo,
    }),
  },
  {
    prompt: "Extract the event: The team meets on 12 May 2024 in Berlin to plan the release.",
    schema: object({ title: text, date, place: name, attendees: list(name), priority: oneOf("low", "medium", "high") }),
  },
  {
    prompt: "Make a product for an online shop.",
    schema: object({
      id: { type: "string", format: "uuid" },
      name,
      price: money,
      tags: list({ type: "string", maxLength: 12 }, 5),
      inStock: yesNo,
      "rating?": { type: "number", minimum: 1, maximum: 5 },
    }),
  },
  {
    prompt: "Write a recipe for pancakes.",
    schema: object({
      title: name,
      servings: { type: "integer", minimum: 1, maximum: 12 },
      minutes: count,
      ingredients: list(object({ name, amount, unit: oneOf("g", "ml", "piece") }), 5, 1),
      steps: list(text, 4, 1),
    }),
  },
  {
    prompt: "Give a customer with a billing address and a delivery address.",
    schema: object(
      {
        customer: name,
        billing: { $ref: "#/$defs/address" },
        delivery: { anyOf: [{ $ref: "#/$defs/address" }, { type: "null" }] },
        since: date,
        newsletter: yesNo,
      },
      { $defs: { address } },
    ),
  },
  {
    prompt: "Rate this review: The food was good, but the waiter was slow.",
    schema: object({
      sentiment: oneOf("positive", "neutral", "negative"),
      score: { type: "integer", minimum: -5, maximum: 5 },
      aspects: list(object({ aspect: name, opinion: text }), 3),
      language: { const: "en" },
      summary: text,
    }),
  },
  {
    prompt: "Describe a folder with files and folders in it.",
    schema: {
      $defs: {
        file: object({ name: { type: "string", pattern: "^[a-z]{1,8}\\.[a-z]{2,3}$" }, size: count }),
        folder: object({
          name: { type: "string", pattern: "^[a-z]{1,8}$" },
          entries: list({ anyOf: [{ $ref: "#/$defs/file" }, object({ link: { type: "string", maxLength: 20 } })] }, 3),
        }),
      },
      ...object({
        root: { $ref: "#/$defs/folder" },
        others: list({ $ref: "#/$defs/folder" }, 2),
        owner: name,
        readOnly: yesNo,
        created: date,
        depth: { type: "integer", minimum: 1, maximum: 3 },
      }),
    },
  },
  {
    prompt: "Plan a journey from Paris to Rome.",
    schema: object({
      from: name,
      to: name,
      legs: list(
        object({
          mode: oneOf("train", "plane", "bus", "ferry"),
          hours: { type: "number", minimum: 0.5, maximum: 48 },
          price: money,
        }),
        3,
        1,
      ),
      departure: { type: "string", format: "date-time" },
      travellers: { type: "integer", minimum: 1, maximum: 9 },
      flexible: yesNo,
    }),
  },
  {
    prompt: "Describe a server for a monitoring system.",
    schema: object({
      host: { type: "string", pattern: "^[a-z][a-z0-9-]{0,20}$" },
      ip: { type: "string", format: "ipv4" },
      port: { type: "integer", minimum: 1, maximum: 65535 },
      load: list({ type: "number", minimum: 0, maximum: 100 }, 3, 3),
      status: oneOf("up", "down", "unknown"),
      uptime: count,
      "contact?": { type: "string", format: "email" },
    }),
  },
  {
    prompt: "Write a quiz question about geography.",
    schema: object({
      question: text,
      options: list(name, 4, 4),
      answer: { type: "integer", minimum: 0, maximum: 3 },
      difficulty: { type: "integer", minimum: 1, maximum: 5 },
      explanation: text,
      topic: { const: "geography" },
    }),
  },
  {
    prompt: "Give the weather forecast for London for three days.",
    schema: object({
      city: name,
      unit: oneOf("C", "F"),
      days: list(
        object({
          date,
          high: { type: "integer", minimum: -40, maximum: 50 },
          low: { type: "integer", minimum: -40, maximum: 50 },
          sky: oneOf("sunny", "cloudy", "rain", "snow"),
          wind: count,
        }),
        3,
        3,
      ),
      issued: { type: "string", format: "date-time" },
      warnings: list(text, 2),
    }),
  },
  {
    prompt: "Describe a book and its author.",
    schema: object({
      title: name,
      author: object({ name, born: { type: "integer", minimum: 1000, maximum: 2024 }, nationality: name }),
      pages: count,
      isbn: { type: "string", pattern: "^97[89]-\\d{10}$" },
      genres: list(name, 3, 1),
      published: { type: ["integer", "null"], minimum: 1450, maximum: 2024 },
    }),
  },
  {
    prompt: "Write an invoice for three hours of work.",
    schema: object({
      number: { type: "string", pattern: "^INV-\\d{4,6}$" },
      date,
      due: date,
      customer: object({ name, address, "vat?": { type: "string", maxLength: 14 } }),
      lines: list(object({ description: text, quantity: count, price: amount }), 3, 1),
      total: amount,
      currency: oneOf("EUR", "USD"),
      paid: yesNo,
    }),
  },
  {
    prompt: "Make the character of a game.",
    schema: object({
      name,
      class: oneOf("warrior", "mage", "rogue", "healer"),
      level: { type: "integer", minimum: 1, maximum: 99 },
      stats: object({ strength: count, agility: count, wisdom: count, health: count, mana: count }),
      inventory: list(object({ item: name, count, "magic?": yesNo }), 3),
      alive: yesNo,
      guild: { anyOf: [name, { type: "null" }] },
    }),
  },
  {
    prompt: "Describe a shape: a circle or a rectangle.",
    schema: object({
      shape: {
        oneOf: [
          object({ kind: { const: "circle" }, radius: amount }),
          object({ kind: { const: "rectangle" }, width: amount, height: amount }),
        ],
      },
      color: { type: "string", pattern: "^#[0-9a-f]{6}$" },
      filled: yesNo,
      layer: { type: "integer", minimum: 0, maximum: 9 },
      label: text,
    }),
  },
  {
    prompt: "Describe the settings of a text editor.",
    schema: object({
      theme: oneOf("light", "dark"),
      fontSize: { type: "integer", minimum: 6, maximum: 72 },
      tabSize: oneOf(2, 4, 8),
      wrap: yesNo,
      ruler: { type: ["integer", "null"], minimum: 40, maximum: 200 },
      fonts: list(name, 3),
      autosave: object({ enabled: yesNo, seconds: count }),
      keymap: oneOf("default", "vim", "emacs"),
      extensions: list(object({ id: name, enabled: yesNo }), 3),
      language: { type: "string", pattern: "^[a-z]{2}(-[A-Z]{2})?$" },
    }),
  },
  {
    prompt: "Give a form of 12 short fields.",
    schema: object(numbered(1, 12, { type: "string", maxLength: 8 })),
  },
  {
    prompt: "Give a record with 20 numbers and flags.",
    schema: object({ ...numbered(1, 10, count), ...numbered(11, 20, yesNo) }),
  },
  {
    prompt: "Give a table row with 30 columns.",
    schema: object({
      ...numbered(1, 10, { type: "integer", minimum: 0, maximum: 9 }),
      ...numbered(11, 20, oneOf("a", "b", "c")),
      ...numbered(21, 30, yesNo),
    }),
  },
  {
    prompt: "Describe a job advertisement for a nurse.",
    schema: object({
      title: name,
      employer: name,
      city: name,
      salary: object({
        min: amount,
        max: amount,
        currency: oneOf("EUR", "USD"),
        period: oneOf("hour", "month", "year"),
      }),
      remote: yesNo,
      skills: list(name, 5, 1),
      posted: date,
      contract: oneOf("full-time", "part-time"),
      "url?": { type: "string", format: "uri" },
      experience: { type: "integer", minimum: 0, maximum: 20 },
    }),
  },
  {
    prompt: "Describe a patient's visit to a doctor.",
    schema: object({
      patient: object({
        name,
        born: date,
        sex: oneOf("f", "m", "x"),
        "phone?": { type: "string", pattern: "^\\+?[0-9 ]{6,15}$" },
      }),
      visit: object({ date, reason: text, diagnosis: list(text, 2), followUp: { anyOf: [date, { type: "null" }] } }),
      vitals: object({
        pulse: { type: "integer", minimum: 30, maximum: 220 },
        temperature: { type: "number", minimum: 34, maximum: 43 },
        pressure: list(count, 2, 2),
      }),
      insured: yesNo,
      notes: text,
    }),
  },
  {
    prompt: "Describe a flight with its passengers.",
    schema: object({
      flight: { type: "string", pattern: "^[A-Z]{2}\\d{2,4}$" },
      from: { type: "string", pattern: "^[A-Z]{3}$" },
      to: { type: "string", pattern: "^[A-Z]{3}$" },
      departs: { type: "string", format: "date-time" },
      gate: { anyOf: [{ type: "string", pattern: "^[A-F]\\d{1,2}$" }, { type: "null" }] },
      passengers: list(
        object({
          name,
          seat: { type: "string", pattern: "^[1-9]\\d?[A-F]$" },
          bags: { type: "integer", minimum: 0, maximum: 3 },
        }),
        3,
        1,
      ),
      status: oneOf("scheduled", "boarding", "departed", "cancelled"),
    }),
  },
  {
    prompt: "Describe a chess game.",
    schema: object({
      white: name,
      black: name,
      result: oneOf("1-0", "0-1", "1/2-1/2"),
      moves: list({ type: "string", pattern: "^[KQRBN]?[a-h][1-8]$" }, 8, 1),
      opening: name,
      date,
      rated: yesNo,
      clock: object({ minutes: count, increment: { type: "integer", minimum: 0, maximum: 60 } }),
    }),
  },
  {
    prompt: "List the dependencies of a program.",
    schema: object({
      name: { type: "string", pattern: "^[a-z][a-z0-9-]{0,20}$" },
      version: { type: "string", pattern: "^\\d{1,2}\\.\\d{1,2}\\.\\d{1,2}$" },
      private: yesNo,
      dependencies: {
        type: "object",
        propertyNames: { maxLength: 20 },
        additionalProperties: { type: "string", maxLength: 8 },
        maxProperties: 3,
      },
      scripts: object({ build: text, test: text, "lint?": text }),
      keywords: list(name, 3),
      license: oneOf("MIT", "Apache-2.0", "GPL-3.0"),
    }),
  },
  {
    // SmolLM2 puts folders into files without end.
    isEndless: true,
    prompt: "Describe a folder with files and folders in it.",
    schema: {
      $defs: {
        node: object({
          name: { type: "string", pattern: "^[a-z]{1,8}(\\.[a-z]{2,3})?$" },
          kind: oneOf("file", "folder"),
          size: count,
          "children?": list({ $ref: "#/$defs/node" }, 2),
        }),
      },
      ...object({
        root: { $ref: "#/$defs/node" },
        owner: name,
        readOnly: yesNo,
        created: date,
        depth: { type: "integer", minimum: 1, maximum: 3 },
      }),
    },
  },
];
