// Hides secrets in texts for people and logs: passwords in URLs, signed queries, tokens, and values of headers.

const hidden = "***";

/** Longer texts are cut in the middle, and little more of them is searched, so that a hostile message costs little. */
const maxLength = 4001;
const searchedLength = 6000;

/** Names of parameters, headers and properties with secrets. */
const secretName =
  /auth|bearer|cookie|credential|jwt|key|otp$|pass|policy|pwd|secret|session|sig|token|^(code|expires|hmac|md5)$/i;
/** Parameters of signed URLs: of AWS, Google and other clouds, and of Azure's shared access signatures. */
const signedName = /^(x-(amz|goog|oss|ms|cos|obs|bce)-|q-|aws|google|oss|s[eiprstv]$|sig$|spr$|srt$|sk[a-z]+$)/i;

/** Names such as `api_key`, `X-Auth-Token` and `client-secret`. */
const credential =
  "(?:x|api|private|access|auth|client|deploy|job|secret|session|refresh|id)[-_](?:[\\w-]{0,40}[-_])?" +
  "(?:key|token|secret|auth|signature|password)(?:[-_][\\w-]{0,40})?";

const rules: readonly [pattern: RegExp, replacement: string | ((match: string) => string)][] = [
  // User and password of a URL, which browsers also accept after a single slash, a backslash or none.
  [/((?:https?|ftp|wss?):|\/\/)([\\/]{0,8})[^\s\\/?#]{1,2000}@/gi, `$1$2${hidden}@`],
  // Passwords with characters that a URL must escape, and URLs that are percent-encoded as a whole.
  [/(\/\/)[^\s\\/?#:@]{1,200}:(?!\d+(?:[\\/?#"]|$))[^\s@]{1,200}@/g, `$1${hidden}@`],
  [/(%2F%2F)[^\s\\/?#&]{1,200}%40/gi, `$1${hidden}%40`],
  // User and password, cut before the @.
  [/(\/\/)[^\s\\/?#"@]{1,200}:(?!\d+"?…)[^\s\\/?#"@]{1,200}("?…)/g, `$1${hidden}$2`],
  [/[?#][^\s"'<>`]+/g, (query) => (isSigned(query) ? query.charAt(0) + hidden : query)],
  [/%3F[^\s"'<>`&]+/gi, (query) => (isSigned(decoded(query)) ? `%3F${hidden}` : query)],
  // Headers of several words, to the end of the line.
  [/\b((?:proxy-)?authorization|(?:set-)?cookie)(\\?["']?\s{0,8}[:=]\s{0,8}\\?["']?)\w[^\r\n]*/gi, `$1$2${hidden}`],
  // Other headers and parameters, and the same in JSON.
  [new RegExp(`\\b(${credential}:\\s{0,8})\\w[^\\s"'\\\\,;]*`, "gi"), `$1${hidden}`],
  [
    new RegExp(
      `\\b((?:${credential}|password|passwd|secret|token)` +
        `(?:\\\\?["']\\s{0,8}:\\s{0,8}\\\\?["']?|\\s{0,8}=\\s{0,8}\\\\?["']?))[^\\s"'\\\\,;&]+`,
      "gi",
    ),
    `$1${hidden}`,
  ],
  [/\b(bearer\s{1,8})[\w.~+/=-]{4,}/gi, `$1${hidden}`],
  [/\b((?:Basic|Negotiate|Digest|Token)\s{1,8})(?=[\w+/-]*[\d=A-Z])[\w+/-]{8,}=*/g, `$1${hidden}`],
  // Tokens of hubs and clouds, JSON Web Tokens, private keys.
  [/\b(hf_|api_org_|gh[pousr]_|github_pat_)\w{6,}/g, `$1${hidden}`],
  [/\b(glpat|glcbt|npm|pypi|sk|rk|xox[abeoprs])([-_])(?=[\w-]*\d)[\w-]{16,}/g, `$1$2${hidden}`],
  [/\b(AKIA|ASIA|AIza|ya29\.|eyJ)[\w-]{10,}(?:\.[\w-]+){0,4}/g, `$1${hidden}`],
  [/(-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----)[\s\S]*/g, `$1${hidden}`],
];

/** Values of headers that callers have passed. */
const headerValues = new Set<string>();
const maxHeaderValues = 1000;
const minHeaderValue = 6;
const plainHeader = /^(accept|accept-.*|user-agent|range|cache-control|pragma|content-type|origin|if-.*)$/i;

/** From now on, {@link redact} hides the values of these headers, except those that are no secrets. */
export function hideHeaders(headers: Readonly<Record<string, string>> = {}): void {
  for (const [name, value] of Object.entries(headers)) {
    if (plainHeader.test(name)) continue;
    // The value itself, what follows its scheme, the values of cookies, and what Basic encodes.
    const scheme = /^\s*[\w-]+\s+/.exec(value)?.[0] ?? "";
    const rest = value.slice(scheme.length).trim();
    const cookies = /^cookie$/i.test(name) ? value.split(";").map((each) => each.slice(each.indexOf("=") + 1)) : [];
    const decoded = /^\s*basic\s/i.test(scheme) ? decodeBase64(rest) : "";
    const min = secretName.test(name) ? 4 : minHeaderValue;
    for (const each of [value, rest, ...cookies, decoded, decoded.slice(decoded.indexOf(":") + 1)]) {
      const secret = each.trim();
      if (secret.length < min) continue;
      for (const form of [secret, encodeURIComponent(secret.replace(loneSurrogate, "")), quoted(secret)]) {
        headerValues.delete(form); // the last use counts
        headerValues.add(form);
      }
    }
  }
  for (const oldest of headerValues) {
    if (headerValues.size <= maxHeaderValues) break;
    headerValues.delete(oldest);
  }
}

const loneSurrogate = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

const quoted = (text: string) => JSON.stringify(text).slice(1, -1);

function decodeBase64(text: string): string {
  try {
    return atob(text);
  } catch {
    return "";
  }
}

/** Returns the text with `***` in the place of secrets. Of a long text, some thousand characters remain. */
export function redact(text: string): string {
  if (text.length <= maxLength) return withoutSecrets(text);
  const half = (maxLength - 1) / 2;
  const begin = withoutSecrets(text.slice(0, searchedLength)).slice(0, half);
  return `${begin}…${withoutSecrets(text.slice(-searchedLength)).slice(-half)}`;
}

function withoutSecrets(text: string): string {
  let clean = text;
  // The longest value first, since one can be a part of another.
  for (const value of [...headerValues].sort((a, b) => b.length - a.length)) clean = withoutValue(clean, value);
  for (const [pattern, replacement] of rules) clean = clean.replace(pattern, replacement as string);
  return clean;
}

/** Hides a value, also if an excerpt cuts it. A short one only if it is a word of its own. */
function withoutValue(text: string, value: string): string {
  const isWord = (char = "") => value.length < 10 && /\w/.test(char);
  let from = 0;
  for (;;) {
    const at = text.indexOf(value.slice(0, minHeaderValue), from);
    if (at < 0) return text;
    let end = at + Math.min(value.length, minHeaderValue);
    while (end < text.length && end - at < value.length && text[end] === value[end - at]) end++;
    const isWhole = end - at === value.length && !(isWord(text[end - 1]) && isWord(text[end]));
    const isCut = /^"?…/.test(text.slice(end, end + 2));
    const isInside = isWord(text[at]) && isWord(text[at - 1]);
    if ((isWhole || isCut) && !isInside) text = text.slice(0, at) + hidden + text.slice(end);
    from = at + 1;
  }
}

/** Whether a query or fragment has a parameter with a secret, or one that looks random. */
function isSigned(query: string): boolean {
  return query
    .slice(1)
    .split(/[?#&;]/)
    .some((pair) => {
      const equals = pair.indexOf("=");
      const name = decoded(pair.slice(0, Math.max(0, equals)));
      const value = pair.slice(equals + 1);
      const isRandom = value.length >= 20 && (equals >= 0 || /\d/.test(value));
      return secretName.test(name) || signedName.test(name) || isRandom;
    });
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** Objects that show addresses and headers without having them as properties. */
const opaque = /^(Request|Response|Headers|URLSearchParams|FormData)$/;
const maxObjects = 500;

/** Returns an error's cause unchanged if it has no secrets, and otherwise a copy without them. */
export function redactCause(cause: unknown): unknown {
  return hasSecret(cause, "", new Set()) ? copyOf(cause, "", new Map()) : cause;
}

function hasSecret(value: unknown, name: string, seen: Set<object>): boolean {
  if (typeof value === "string") return cleanText(value, name) !== value;
  if (typeof value !== "object" || value === null || seen.has(value)) return false;
  seen.add(value);
  if (seen.size > maxObjects || opaque.test(tagOf(value))) return true;
  return entriesOf(value).some(([key, each]) => hasSecret(each, String(key), seen));
}

function copyOf(value: unknown, name: string, copies: Map<object, object>): unknown {
  if (typeof value === "string") return cleanText(value, name);
  if (typeof value !== "object" || value === null) return value;
  const known = copies.get(value);
  if (known) return known;
  if (copies.size >= maxObjects || opaque.test(tagOf(value))) return hidden;
  const copy = value instanceof Error ? new Error() : Array.isArray(value) ? [] : {};
  copies.set(value, copy);
  for (const [key, each] of entriesOf(value)) {
    const enumerable = !(copy instanceof Error) || Object.prototype.propertyIsEnumerable.call(value, key);
    const clean = copyOf(each, String(key), copies);
    Object.defineProperty(copy, key, { value: clean, enumerable, configurable: true, writable: true });
  }
  return copy;
}

function cleanText(text: string, name: string): string {
  return secretName.test(name) && name !== "code" ? hidden : redact(text);
}

const tagOf = (value: object) => Object.prototype.toString.call(value).slice(8, -1);

/** The own properties of an object, those of an error that can be inherited, and the contents of a collection. */
function entriesOf(value: object): [PropertyKey, unknown][] {
  const tag = tagOf(value);
  if (tag === "URL") return [["href", String(value)]];
  if (tag === "Map") return [...(value as Map<unknown, unknown>)].map(([key, each]) => [String(key), each]);
  if (tag === "Set") return [...(value as Set<unknown>)].map((each, i) => [i, each]);
  if (ArrayBuffer.isView(value)) return [];
  const keys = new Set<PropertyKey>(Reflect.ownKeys(value));
  if (value instanceof Error) for (const name of ["name", "message", "stack"]) keys.add(name);
  if (Array.isArray(value)) keys.delete("length");
  return [...keys].slice(0, maxObjects).map((key) => {
    try {
      return [key, (value as Record<PropertyKey, unknown>)[key]];
    } catch {
      return [key, undefined]; // a getter that throws
    }
  });
}
