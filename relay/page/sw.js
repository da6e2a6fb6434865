// Keeps the page's own files, so that it opens without network. Never what is said to the server.

const CACHE = "rollcall-e9800513232c82dc";
const NEEDED = ["/", "/app.js", "/core.js", "/core_bg.wasm", "/style.css"];
const WANTED = ["/manifest.webmanifest", "/icon.svg", "/icon-192.png", "/icon-512.png"];

async function fill() {
  const cache = await caches.open(CACHE);
  const get = (path) => new Request(path, { cache: "reload" });
  await cache.addAll(NEEDED.map(get));
  await Promise.allSettled(WANTED.map((path) => cache.add(get(path))));
}

async function clean() {
  for (const name of await caches.keys()) {
    if (name.startsWith("rollcall-") && name !== CACHE) await caches.delete(name);
  }
}

async function answer(request, path) {
  const cache = await caches.open(CACHE);
  return (await cache.match(path)) ?? fetch(request);
}

self.addEventListener("install", (event) => {
  event.waitUntil(fill().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(clean().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  // Something that is loaded anew on purpose is not answered from here.
  if (url.search !== "") return;
  // One HTML file is served for all classes.
  const path = /^\/[0-9]*$/.test(url.pathname) ? "/" : url.pathname;
  if (NEEDED.includes(path) || WANTED.includes(path)) event.respondWith(answer(request, path));
});
