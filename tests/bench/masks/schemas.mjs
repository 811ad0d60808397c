// The JSON schemas of the benchmark of masks, each with a prompt and valid answers.

const object = (properties, more) => ({
  type: "object",
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
  ...more,
});
const text = (maxLength) => ({ type: "string", maxLength });
const list = (items, maxItems) => ({ type: "array", items, maxItems });

/** `[{name, prompt, schema, answers}]`, all with keywords that both engines know. */
export const schemas = [
  {
    name: "person",
    prompt: "Ada is 36 years old and lives in Berlin. The person as JSON with name, age and city:\n",
    schema: object({
      name: text(20),
      age: { type: "integer" },
      city: { enum: ["Berlin", "Paris", "Rome"] },
    }),
    answers: [
      { name: "Ada", age: 36, city: "Berlin" },
      { name: "Jean-Luc Picard", age: 59, city: "Paris" },
    ],
  },
  {
    name: "review",
    prompt: "The film was slow, but the music is beautiful. A review as JSON with summary, sentiment and stars:\n",
    schema: object({
      summary: text(120),
      sentiment: { enum: ["positive", "negative", "neutral", "mixed"] },
      stars: { enum: [1, 2, 3, 4, 5] },
    }),
    answers: [
      { summary: "A slow film with beautiful music, which is worth the wait.", sentiment: "mixed", stars: 3 },
      { summary: "I left after twenty minutes; it's dull, loud & too long.", sentiment: "negative", stars: 1 },
    ],
  },
  {
    name: "city",
    prompt: "Facts on Paris as JSON with name, country, population, area and whether it is a capital:\n",
    schema: object({
      name: { type: "string" },
      country: { type: "string" },
      population: { type: "integer" },
      area: { type: "number" },
      capital: { type: "boolean" },
    }),
    answers: [
      { name: "Paris", country: "France", population: 2102650, area: 105.4, capital: true },
      { name: "São Paulo", country: "Brasil", population: 11451999, area: 1521.11, capital: false },
    ],
  },
  {
    name: "tags",
    prompt: "A recipe for lentil soup with carrots. Title and tags as JSON:\n",
    schema: object({ title: text(60), tags: list(text(16), 5) }),
    answers: [
      { title: "Lentil soup with carrots", tags: ["soup", "vegan", "lentils", "winter"] },
      { title: "Pommes frites à la maison", tags: ["potatoes", "side dish"] },
    ],
  },
  {
    name: "order",
    prompt: "Two pizzas at 9.50 and three bottles of water at 2.20, please. The order as JSON:\n",
    schema: object({
      customer: text(30),
      items: list(object({ product: text(30), quantity: { type: "integer" }, price: { type: "number" } }), 4),
      paid: { type: "boolean" },
    }),
    answers: [
      {
        customer: "Table 7",
        items: [
          { product: "pizza margherita", quantity: 2, price: 9.5 },
          { product: "mineral water", quantity: 3, price: 2.2 },
        ],
        paid: false,
      },
      { customer: "Mr. O'Neill", items: [{ product: "espresso", quantity: 1, price: 1.9 }], paid: true },
    ],
  },
  {
    name: "event",
    prompt: "The concert of the choir is on 3 May 2025 at 20:00 in the town hall. The event as JSON:\n",
    schema: object({
      title: text(50),
      date: { type: "string", format: "date" },
      place: text(40),
      free: { type: "boolean" },
    }),
    answers: [
      { title: "Concert of the choir", date: "2025-05-03", place: "town hall", free: false },
      { title: "Flea market", date: "2024-12-31", place: "Main Square 12", free: true },
    ],
  },
  {
    name: "nullable",
    prompt: "Call Bob at 555-1234. The contact as JSON with name, phone, mail and company:\n",
    schema: object({
      name: text(30),
      phone: { oneOf: [text(20), { type: "null" }] },
      mail: { oneOf: [text(40), { type: "null" }] },
      company: { oneOf: [text(30), { type: "null" }] },
    }),
    answers: [
      { name: "Bob", phone: "555-1234", mail: null, company: null },
      { name: "Zoë Müller", phone: null, mail: "zoe@example.org", company: "Müller & Söhne" },
    ],
  },
  {
    name: "alternatives",
    prompt: "A circle with the radius 2.5 and a rectangle of 3 by 4. The shapes as JSON:\n",
    schema: object({
      shapes: list(
        {
          oneOf: [
            object({ type: { const: "circle" }, radius: { type: "number" } }),
            object({ type: { const: "rectangle" }, width: { type: "number" }, height: { type: "number" } }),
            object({ type: { const: "label" }, text: text(20) }),
          ],
        },
        4,
      ),
    }),
    answers: [
      {
        shapes: [
          { type: "circle", radius: 2.5 },
          { type: "rectangle", width: 3, height: 4 },
        ],
      },
      {
        shapes: [
          { type: "label", text: "Figure 1" },
          { type: "circle", radius: 1e-3 },
        ],
      },
    ],
  },
  {
    name: "matrix",
    prompt: "The identity matrix with three rows as JSON:\n",
    schema: object({ rows: list(list({ type: "number" }, 3), 3) }),
    answers: [
      {
        rows: [
          [1, 0, 0],
          [0, 1, 0],
          [0, 0, 1],
        ],
      },
      {
        rows: [
          [-0.5, 2.25, 1e21],
          [3, 14, 15],
        ],
      },
    ],
  },
  {
    name: "tool call",
    prompt: "What is the weather in Oslo tomorrow? The call as JSON:\n",
    schema: {
      oneOf: [
        object({
          name: { const: "get_weather" },
          arguments: object({ place: text(30), day: { enum: ["today", "tomorrow"] } }),
        }),
        object({
          name: { const: "search_web" },
          arguments: object({ query: text(80), results: { type: "integer" } }),
        }),
        object({
          name: { const: "send_message" },
          arguments: object({ to: text(30), subject: text(40), message: text(160) }),
        }),
      ],
    },
    answers: [
      { name: "get_weather", arguments: { place: "Oslo", day: "tomorrow" } },
      {
        name: "send_message",
        arguments: { to: "Eva", subject: "Friday", message: "I'll be late on Friday. Can we meet at 7?" },
      },
    ],
  },
  {
    name: "story",
    prompt: "A story of a lighthouse keeper as JSON with title and text:\n",
    schema: object({ title: { type: "string" }, text: { type: "string" } }),
    answers: [
      {
        title: "The keeper",
        text:
          'Every evening the old man climbed the stairs and lit the lamp.\n"No ships pass here any more," he said, ' +
          "“but a light is a promise.” The sea was grey and the wind rose — then, far away, he saw a boat.",
      },
      {
        title: "灯台守",
        text: "Он жил один на маяке и каждый вечер зажигал огонь. 🌊 Los barcos ya no pasaban, pero él seguía.",
      },
    ],
  },
  {
    name: "configuration",
    prompt: "The configuration of a web server as JSON:\n",
    schema: object({
      host: text(30),
      port: { type: "integer" },
      tls: object({ enabled: { type: "boolean" }, certificate: { oneOf: [text(60), { type: "null" }] } }),
      log: object({ level: { enum: ["debug", "info", "warning", "error"] }, path: text(60) }),
      routes: list(object({ path: text(30), methods: list({ enum: ["GET", "POST", "PUT", "DELETE"] }, 4) }), 3),
    }),
    answers: [
      {
        host: "localhost",
        port: 8443,
        tls: { enabled: true, certificate: "/etc/ssl/server.pem" },
        log: { level: "warning", path: "/var/log/server.log" },
        routes: [
          { path: "/", methods: ["GET"] },
          { path: "/api/v1/users", methods: ["GET", "POST", "DELETE"] },
        ],
      },
      {
        host: "0.0.0.0",
        port: 80,
        tls: { enabled: false, certificate: null },
        log: { level: "debug", path: "server.log" },
        routes: [],
      },
    ],
  },
];

/** Answers of which the schema prescribes most. */
export const forcedSchema = {
  name: "forced stretches",
  prompt: "The delivery of a parcel, which arrived, as JSON:\n",
  schema: object({
    "https://example.org/schemas/delivery/identification_number": { type: "integer" },
    "https://example.org/schemas/delivery/was_received_by_the_customer": { type: "boolean" },
    terms_and_conditions: {
      const:
        "The customer has inspected the parcel, found no damage, and accepts the general terms and conditions " +
        "of delivery as published on the date of the order.",
    },
    "https://example.org/schemas/delivery/signature_of_the_customer": text(20),
    "https://example.org/schemas/delivery/state_of_the_transaction": {
      enum: ["completed_without_any_complaint", "returned_to_the_sender_of_the_parcel"],
    },
  }),
};
