// Makes the page work without a connection, and installable. It keeps the files of one build of the page; models are
// kept by the package.
export type {}; // a module, so that `self` can be declared
declare const self: ServiceWorkerGlobalScope;

/** The files of this build, relative to the page, and a hash of them. The build replaces the text. */
const { version, files }: { version: string; files: string[] } = JSON.parse("__BUILD__");
const scope = self.registration.scope;
const prefix = `page ${scope} `; // other pages of this origin have caches too
const cacheName = prefix + version;
const addresses = new Set(files.map((file) => new URL(file, scope).href));
const patience = 3000; // milliseconds, for connections that do not answer

self.addEventListener("install", (event) => {
  const keep = async () => {
    const cache = await caches.open(cacheName);
    // Only names of assets contain their hash: other files are compared with the server's.
    await cache.addAll([...addresses].map((address) => new Request(address, { cache: "no-cache" })));
  };
  event.waitUntil(keep());
});

// A new build waits until no tab shows an older one, whose files are needed as long as its tabs are open.
self.addEventListener("activate", (event) => {
  const removeOld = async () => {
    const names = await caches.keys();
    const old = names.filter((name) => name.startsWith(prefix) && name !== cacheName);
    await Promise.all(old.map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(removeOld());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || !addresses.has(origin + pathname)) return;
  event.respondWith(request.mode === "navigate" ? page(request, origin + pathname) : asset(request, origin + pathname));
});

const find = (address: string) => caches.match(address, { cacheName, ignoreVary: true });

/** The newest page if there is a connection. */
async function page(request: Request, address: string): Promise<Response> {
  const fetched = fetch(request);
  const kept = await find(address);
  if (!kept) return fetched;
  const late = new Promise<Response>((resolve) => setTimeout(resolve, patience, kept));
  return Promise.race([fetched.catch(() => kept), late]);
}

async function asset(request: Request, address: string): Promise<Response> {
  return (await find(address)) ?? fetch(request);
}
