// The formats of strings as regular expressions. Formats that are not here are annotations.

const hour = "(?:[01]\\d|2[0-3])";
const minute = "[0-5]\\d";
const leapYear = "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)";
const day31 = "(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])";
const day30 = "(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)";
const date = `\\d{4}-(?:${day31}|${day30}|02-(?:0[1-9]|1\\d|2[0-8]))|${leapYear}-02-29`;
const zone = `(?:[Zz]|[+-]${hour}:${minute})`;
const time = `${hour}:${minute}:${minute}(?:\\.\\d{1,9})?${zone}|23:59:60(?:\\.\\d{1,9})?(?:[Zz]|[+-]00:00)`;

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

const label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
const hostname = `${label}(?:\\.${label}){0,30}`;
const atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
const mailHost = `(?:${hostname}|\\[${ipv4}\\]|\\[IPv6:(?:${ipv6})\\])`;
const email = `(?:${atom}(?:\\.${atom})*|"(?:[ !#-\\[\\]-~]|\\\\[ -~])*")@${mailHost}`;

const percent = "%[0-9A-Fa-f]{2}";
const pathChar = `(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|${percent})`;
const segmentWithoutColon = `(?:[A-Za-z0-9._~!$&'()*+,;=@-]|${percent})+`;
const user = `(?:[A-Za-z0-9._~!$&'()*+,;=:-]|${percent})*`;
const host = `(?:\\[(?:${ipv6})\\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|${percent})*)`;
const authority = `(?:${user}@)?${host}(?::\\d*)?`;
const paths = `(?:/${pathChar}*)*`;
const queryAndFragment = `(?:\\?(?:${pathChar}|[/?])*)?(?:#(?:${pathChar}|[/?])*)?`;
const hierarchy = `(?://${authority}${paths}|/(?:${pathChar}+${paths})?|${pathChar}+${paths}|)`;
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

/** The pattern of a format; undefined: the format is an annotation. */
export function formatPattern(format: string): string | undefined {
  return Object.hasOwn(formats, format) ? `^(?:${formats[format]})$` : undefined;
}
