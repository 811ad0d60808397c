// The formats of strings as regular expressions. Formats that are not here are annotations.

const hour = "(?:[01]\\d|2[0-3])";
const minute = "[0-5]\\d";
const leapYear = "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)";
const day31 = "(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])";
const day30 = "(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)";
const date = `\\d{4}-(?:${day31}|${day30}|02-(?:0[1-9]|1\\d|2[0-8]))|${leapYear}-02-29`;
const zone = `(?:[Zz]|[+-]${hour}:${minute})`;
const fraction = "(?:\\.\\d{1,20})?";

/** The last second of a day in UTC may be a leap second; with offsets of whole and half hours. */
function leapSeconds(): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const times = ["23:59:60(?:\\.\\d{1,20})?[Zz]"];
  for (let offset = 0; offset < 24 * 60; offset += 30) {
    for (const sign of [1, -1]) {
      const local = (23 * 60 + 59 + sign * offset + 24 * 60) % (24 * 60);
      const shift = `${sign > 0 ? "\\+" : "-"}${two(Math.floor(offset / 60))}:${two(offset % 60)}`;
      times.push(`${two(Math.floor(local / 60))}:${two(local % 60)}:60${fraction}${shift}`);
    }
  }
  return times.join("|");
}

const time = `${hour}:${minute}:${minute}${fraction}${zone}|${leapSeconds()}`;
const simpleTime = `${hour}:${minute}:${minute}(?:\\.\\d+)?${zone}`;

const byte = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const ipv4 = `(?:${byte}\\.){3}${byte}`;
const group = "[0-9a-fA-F]{1,4}";
const ipv6 = [
  `(?:${group}:){7}${group}`,
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((before) =>
    before === 7 ? `${exactly(7)}::` : `${exactly(before)}::(?:${group}(?::${group}){0,${6 - before}})?`,
  ),
  `(?:${group}:){6}${ipv4}`,
  ...[0, 1, 2, 3, 4, 5].map((before) => `${exactly(before)}::(?:${group}:){0,${5 - before}}${ipv4}`),
].join("|");

function exactly(count: number): string {
  return count === 0 ? "" : `${group}(?::${group}){${count - 1}}`;
}

const labelUpTo = (length: number) => `[A-Za-z0-9](?:[A-Za-z0-9-]{0,${length - 2}}[A-Za-z0-9])?`;
/** Labels of up to 63 characters, together at most 253. */
const hostname = [`${labelUpTo(63)}(?:\\.${labelUpTo(63)}){0,2}`, `${labelUpTo(20)}(?:\\.${labelUpTo(20)}){3,9}`].join(
  "|",
);
const atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]";
const label = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?";
/** The common ground of validators: a domain with a point, no quotes, no address in brackets. */
const simpleEmail = `${atom}+(?:\\.${atom}+)*@(?:${label}\\.)+${label}`;
/** Bounded, as RFC 5321 does, so that a model comes to the @. */
const email = `${atom}(?:\\.?${atom}){0,63}@(?:${labelUpTo(63)}\\.){1,8}${labelUpTo(63)}`;

const percent = "%[0-9A-Fa-f]{2}";
const pathChar = `(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|${percent})`;
const segmentWithoutColon = `(?:[A-Za-z0-9._~!$&'()*+,;=@-]|${percent})+`;
const user = `(?:[A-Za-z0-9._~!$&'()*+,;=:-]|${percent})*`;
const host = `(?:\\[(?:${ipv6})\\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|${percent})*)`;
const authority = `(?:${user}@)?${host}(?::\\d*)?`;
const firstOfPath = `(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|${percent})`;
const paths = `(?:/${pathChar}*)*`;
const queryAndFragment = `(?:\\?(?:${pathChar}|[/?])*)?(?:#(?:${pathChar}|[/?])*)?`;
/** Not empty, although RFC 3986 allows that: validators refuse a scheme by itself. */
const hierarchy = `(?://${authority}${paths}|/(?:${pathChar}+${paths})?|${pathChar}+${paths})`;
const relative = `(?://${authority}${paths}|/(?:${pathChar}+${paths})?|${segmentWithoutColon}${paths}|)`;
const uri = `[A-Za-z][A-Za-z0-9+.-]*:${hierarchy}${queryAndFragment}`;
const uriReference = `${uri}|${relative}${queryAndFragment}`;
/** As above, with the letters beyond ASCII that IRIs allow. */
const international = (pattern: string) =>
  pattern.replaceAll(
    "[A-Za-z0-9._~!$&'()*+,;=",
    "[\\u00a0-\\ud7ff\\uf900-\\ufdcf\\ufdf0-\\uffef\\u{10000}-\\u{1fffd}A-Za-z0-9._~!$&'()*+,;=",
  );

const pointer = "(?:/(?:[^~/]|~[01])*)*";
const clock = "T(?:\\d+S|\\d+M(?:\\d+S)?|\\d+H(?:\\d+M(?:\\d+S)?)?)";

const formats: Record<string, string> = {
  date,
  time,
  "date-time": `(?:${date})[Tt](?:${time})`,
  duration: `P(?:\\d+W|(?:\\d+D|\\d+M(?:\\d+D)?|\\d+Y(?:\\d+M(?:\\d+D)?)?)(?:${clock})?|${clock})`,
  uuid: "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
  email,
  hostname,
  ipv4,
  ipv6,
  uri,
  "uri-reference": uriReference,
  iri: international(uri),
  "iri-reference": international(uriReference),
  "json-pointer": pointer,
  "relative-json-pointer": `(?:0|[1-9]\\d*)(?:#|${pointer})`,
};

const uriChar = `(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|${percent})`;
const simpleHost = "[A-Za-z0-9._~-]+(?::\\d+)?";
const simpleUriStart = `[A-Za-z][A-Za-z0-9+.-]*:(?://${simpleHost}(?:[/?]${uriChar}*)?|${firstOfPath}${uriChar}*)`;

/** Forms for intersections with other patterns and lengths: fewer states, no leap seconds. */
const simpleFormats: Record<string, string> = {
  email: simpleEmail,
  time: simpleTime,
  "date-time": `(?:${date})[Tt]${simpleTime}`,
  uri: `${simpleUriStart}(?:#${uriChar}*)?`,
};

/** Characters of the part of a URI before its path, and the longest domain of an address, in the forms with a bound. */
const maxUriStart = 80;
const maxDomain = 117;

/**
 * A form of at most `max` code points that counts its parts, where an exact one would count each code point. It leaves
 * out a few texts that are nearly as long as allowed. Undefined: there is none.
 */
export function boundedFormatPattern(format: string, max: number): string | undefined {
  if (format === "email" && max >= 160) {
    const local = Math.min(64, max - maxDomain - 1);
    const char = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]";
    const quarter = Math.floor((local - 3) / 4);
    const dotted = `${char}{1,${quarter}}(?:\\.${char}{1,${quarter}}){1,3}`;
    const part = (length: number) => `[A-Za-z0-9](?:[A-Za-z0-9-]{0,${length - 2}}[A-Za-z0-9])?`;
    return `^(?:${char}{1,${local}}|${dotted})@(?:${part(30)}\\.){1,3}${part(24)}$`;
  }
  if (format === "uri" && max >= 160) {
    const rest = max - maxUriStart;
    const tail = (length: number) => `${uriChar}{0,${Math.floor(length / 3)}}`;
    const end = `(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]{0,${rest}}|${tail(rest / 2)}(?:#${tail(rest / 2 - 1)})?)`;
    const start = "[A-Za-z][A-Za-z0-9+.-]{0,19}:";
    return `^${start}(?://[A-Za-z0-9._~-]{1,50}(?::\\d{1,5})?(?:[/?]${end})?|${firstOfPath}${end})$`;
  }
  if (format === "hostname" && max >= 4) {
    const first = Math.min(63, Math.floor(max / 2));
    return `^${labelUpTo(first)}(?:\\.${labelUpTo(19)}){0,${Math.floor((Math.min(max, 253) - first) / 20)}}$`;
  }
  return undefined;
}

/** The pattern of a format beside other constraints. */
export function simpleFormatPattern(format: string): string | undefined {
  return Object.hasOwn(simpleFormats, format) ? `^(?:${simpleFormats[format]})$` : formatPattern(format);
}

/** The pattern of a format; undefined: the format is an annotation. */
export function formatPattern(format: string): string | undefined {
  return Object.hasOwn(formats, format) ? `^(?:${formats[format]})$` : undefined;
}
