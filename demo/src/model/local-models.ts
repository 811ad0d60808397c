// The models that the page's own server has, as `npm start` serves them.

export interface LocalModel {
  name: string;
  url: string;
  bytes: number;
  /** The address of its sidecar, if there is one. */
  sidecar?: string;
}

const storageKey = "local models";

let listed: Promise<LocalModel[]> | undefined;

/** Empty on servers without a list. */
export function localModels(): Promise<LocalModel[]> {
  listed ??= list();
  return listed;
}

async function list(): Promise<LocalModel[]> {
  const base = new URL("../models/", document.baseURI);
  try {
    return described(await fetchList(base), base);
  } catch {
    return [];
  }
}

interface Listed {
  name: string;
  file: string;
  bytes: number;
  sidecar?: string;
}

/** The list of the server; without a connection that of the last visit. */
async function fetchList(base: URL): Promise<Listed[]> {
  try {
    const response = await fetch(new URL("index.json", base));
    const models = response.ok ? ((await response.json()) as Listed[]) : [];
    localStorage.setItem(storageKey, JSON.stringify(models));
    return models;
  } catch {
    return JSON.parse(localStorage.getItem(storageKey) ?? "[]") as Listed[];
  }
}

function described(models: readonly Listed[], base: URL): LocalModel[] {
  return models.map(({ name, file, bytes, sidecar }) => ({
    name,
    url: new URL(file, base).href,
    bytes,
    ...(sidecar !== undefined && { sidecar: new URL(sidecar, base).href }),
  }));
}
