// A copy of the page's own files for days without a network.
//
// The network comes first, always: the copy is only used when the network fails, so it can never hide an update. (A
// cache that comes first, with names by hash, would save one short answer "304 Not Modified" for each file; it would
// need a build step to know the hashes, and a mistake in it serves old code for ever.)

const COPY = 'lumen-page';
const FILES = [
  './', 'page.css', 'page.js', 'download.js', 'engine.js', 'flat.js', 'hands.js', 'history.js', 'keep.js', 'legend.js',
  'link.js', 'menus.js', 'message.js', 'service.js', 'stage.js', 'template.js', 'voice.js', 'words.js', 'lab.html', 'lab.css',
  'lab.js',
  'lumen.js', 'lumen.wasm',
];
const addresses = new Set(FILES.map((file) => new URL(file, self.location).href));
const PATIENCE = 4000; // milliseconds that a network may take that says neither yes nor no

self.addEventListener('install', (event) => {
  event.waitUntil((async () => {
    const copy = await caches.open(COPY);
    await Promise.all(FILES.map((file) => copy.add(new Request(file, { cache: 'no-cache' }))));
    await self.skipWaiting();
  })());
});

self.addEventListener('activate', (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name.startsWith('lumen-') && name !== COPY) await caches.delete(name);
    await self.clients.claim();
  })());
});

self.addEventListener('fetch', (event) => {
  const address = event.request.url.split(/[?#]/)[0].replace(/index\.html$/, '');
  if (event.request.method === 'GET' && addresses.has(address)) event.respondWith(answer(event, address));
});

async function answer(event, address) {
  const copy = await caches.open(COPY);
  const kept = () => copy.match(address);
  if (navigator.onLine === false) return (await kept()) ?? fetch(event.request);
  const network = fetch(event.request).then((response) => {
    if (response.ok) event.waitUntil(copy.put(address, response.clone()));
    return response;
  });
  const slow = new Promise((resolve) => setTimeout(resolve, PATIENCE)).then(kept).then((found) => found ?? network);
  try {
    return await Promise.race([network, slow]);
  } catch (fault) {
    const found = await kept();
    if (found) return found;
    throw fault;
  }
}
