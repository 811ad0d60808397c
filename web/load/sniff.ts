// Recognises common files that are not GGUF files by their first bytes. The core only reports a wrong magic number.
import { CamelGPTError, excerpt } from "../errors.js";
import { webPageHint } from "./sources/http-response.js";

/**
 * Throws `not-a-model` if the bytes are a web page, JSON, a pointer instead of the file, or a file of another format.
 */
export function rejectOtherFiles(bytes: Uint8Array, name: string): void {
  if (bytes[0] === 0x47 && bytes[1] === 0x47) return; // "GG": probably a GGUF file; the core checks it
  const text = new TextDecoder().decode(bytes.slice(0, 200)).trimStart();
  const kind = kindOf(text, bytes);
  if (!kind) return;
  throw new CamelGPTError("not-a-model", `${name} is ${kind.what}, not a model.`, {
    expected: 'a GGUF file, which begins with "GGUF"',
    found: excerpt(text),
    hint: kind.hint,
  });
}

function kindOf(text: string, bytes: Uint8Array): { what: string; hint: string } | undefined {
  if (/^<(!doctype|html|head|\?xml|!--)/i.test(text)) {
    return { what: "a web page", hint: webPageHint };
  }
  if (text.startsWith("version https://git-lfs")) {
    return { what: "a Git LFS pointer", hint: "Fetch the file itself: git lfs pull." };
  }
  if (/^[{[]\s*("|\})/.test(text)) {
    return { what: "JSON", hint: "The server may have answered with an error message: open the address in a browser." };
  }
  // safetensors: the length of a JSON header in 8 bytes, then the header.
  if (bytes[8] === 0x7b && bytes[9] === 0x22 && bytes[6] === 0 && bytes[7] === 0) {
    return { what: "a safetensors file", hint: "Convert it to GGUF, or download the GGUF form of the model." };
  }
  if (bytes[0] === 0x50 && bytes[1] === 0x4b) {
    return { what: "a ZIP archive", hint: "Unpack it and load the GGUF file inside." };
  }
  return undefined;
}
