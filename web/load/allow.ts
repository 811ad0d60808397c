// The option `allow`: the places that a name from a stranger may lead to.
import { CamelGPTError, excerpt } from "../errors.js";
import { originOf, shortUrl } from "./names.js";

/** A location may be opened if a list names it. A list that is missing names nothing, but see `schemes`. */
export interface Allow {
  /**
   * Schemes of URLs, such as `https:`.
   * @default `http:` and `https:` for the `origins`, and `file:` for the `folders`
   */
  schemes?: readonly string[] | undefined;
  /** Origins of http: and https: URLs, such as `https://huggingface.co`. @default all, if there are `schemes` */
  origins?: readonly string[] | undefined;
  /** Folders of files, with all folders below them. @default none: then no path can be opened */
  folders?: readonly string[] | undefined;
}

/** The lists in one form: schemes with a colon, and origins without a slash at the end. */
export function normalizedAllow({ schemes, origins, folders }: Allow): Allow {
  return {
    schemes: schemes?.map((scheme) => `${scheme.toLowerCase().replace(/:$/, "")}:`),
    origins: origins?.map((origin) => new URL(origin).origin),
    folders: folders && [...folders],
  };
}

/** Checks a URL before it is requested. Errors: `not-allowed`. */
export function requireAllowedUrl(url: string, allow: Allow | undefined): void {
  if (allow && !isAllowedUrl(url, allow)) throw notAllowed(shortUrl(url));
}

function isAllowedUrl(url: string, { schemes, origins }: Allow): boolean {
  const origin = originOf(url);
  if (origin === undefined) return false;
  const { protocol } = new URL(url);
  const isHttp = /^https?:$/.test(protocol);
  if (!(schemes ? schemes.includes(protocol) : isHttp && origins)) return false;
  return !isHttp || !origins || origins.includes(origin);
}

/** Whether the lists permit paths that are given as file: URLs. */
export const allowsFileUrls = ({ schemes }: Allow) => !schemes || schemes.includes("file:");

export function notAllowed(place: string): CamelGPTError {
  return new CamelGPTError("not-allowed", `The option allow does not permit ${place}.`, {
    expected: "a scheme, an origin or a folder that `allow` names",
    found: place,
  });
}

export const pathNotAllowed = (path: string) => notAllowed(`the path ${excerpt(path)}`);
