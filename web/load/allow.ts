// The option `allow`: the places that a name from a stranger may lead to.
import { CamelGPTError, excerpt } from "../errors.js";
import { shortUrl } from "./names.js";

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

/** An {@link Allow} in the form in which it is compared. */
export interface AllowedPlaces {
  /** Origins, and schemes with a colon: a URL needs one of them. */
  urls: readonly string[];
  folders: readonly string[];
  /** Whether a path may be given as a file: URL. */
  fileUrls: boolean;
}

export function allowedPlaces({ schemes, origins, folders = [] }: Allow): AllowedPlaces {
  const allowed = schemes?.map((scheme) => `${scheme.toLowerCase().replace(/:$/, "")}:`);
  const isAllowed = (scheme: string) => !allowed || allowed.includes(scheme);
  const urls = origins
    ?.map((origin) => new URL(origin))
    .filter(({ protocol }) => isAllowed(protocol))
    .map(({ origin }) => origin);
  return {
    urls: urls ? [...urls, ...(allowed ?? []).filter((scheme) => !/^https?:$/.test(scheme))] : (allowed ?? []),
    folders: [...folders],
    fileUrls: isAllowed("file:"),
  };
}

/** Checks a URL before it is requested. Errors: `not-allowed`. */
export function requireAllowedUrl(url: string, allow: AllowedPlaces | undefined): void {
  if (!allow) return;
  try {
    const { origin, protocol } = new URL(url);
    if (allow.urls.some((each) => each === origin || each === protocol)) return;
  } catch {
    // Not a URL.
  }
  throw notAllowed(shortUrl(url));
}

export function notAllowed(place: string): CamelGPTError {
  return new CamelGPTError("not-allowed", `The option allow does not permit ${place}.`, { found: place });
}

export const pathNotAllowed = (path: string) => notAllowed(`the path ${excerpt(path)}`);
