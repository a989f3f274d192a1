// The service, where there is one: it may have better engines than the page.
//
//     const service = openService(document);               // null when the page is to work alone
//     service.wake();                                      // a service that sleeps starts up while the word is typed
//     const shape = await service.ask(order, signal, news);
//
// `ask` throws a Refusal that says in words what is wrong. Aborting `signal` ends the request, and the work behind it.

import { decodeMessage, decodeObject } from './message.js';

const QUIET_SECONDS = 10; // without a sign of life, a request is given up
const WORKING_SECONDS = 45; // the same once there was progress; the service sends at least a comment every 15
const ATTEMPTS = 4; // of one word, when the service asks to come back later
const WAIT_MOST = 30; // seconds that the page waits by itself before it asks again

export class Refusal extends Error {
  // kind: 'key', 'text', 'busy', 'away', 'late', 'failed'
  constructor(kind, message, wait = 0) {
    super(message);
    Object.assign(this, { kind, wait });
  }
}

const seconds = (count) => (count === 1 ? 'a second' : `${count} seconds`);

export function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}

export function openService(page) {
  const address = page.querySelector('meta[name="lumen-service"]')?.content.trim() ?? '';
  if (address === 'none' || (address === '' && !location.protocol.startsWith('http'))) return null;
  return new Service(new URL(address === '' ? '.' : address.replace(/\/?$/, '/'), page.baseURI));
}

class Service {
  #base;
  #key = '';
  #woken = null;
  #loading = false; // models that may bring another engine

  constructor(base) {
    this.#base = base;
    this.state = 'unknown'; // 'none': nobody there speaks as Lumen; 'away': it does not answer; 'starting'; 'ready'
    this.engines = [];
    try {
      this.#key = sessionStorage.getItem('lumen-key') ?? '';
    } catch { /* no storage */ }
  }

  get hasKey() {
    return this.#key !== '';
  }

  // Kept until the tab is closed.
  keepKey(text) {
    this.#key = text;
    try {
      sessionStorage.setItem('lumen-key', text);
    } catch { /* it lasts as long as the page */ }
  }

  // Whether it has an engine that the page has not.
  get isBetter() {
    return this.engines.some((engine) => engine !== 'procedural');
  }

  // ---- Waking

  // Asks how it is, again while it starts or loads models. Resolves when the first answer is there.
  wake() {
    if (navigator.onLine === false) return Promise.resolve();
    this.#woken = this.#look();
    this.#woken.then(async () => {
      for (let attempt = 1; attempt <= 10 && (this.state === 'starting' || this.state === 'away' || this.#loading); attempt++) {
        await sleep(2000 * attempt);
        if (navigator.onLine !== false && !document.hidden) await this.#look();
      }
    });
    return this.#woken;
  }

  async #look() {
    try {
      const response = await fetch(this.#at('health/ready'), { signal: AbortSignal.timeout(QUIET_SECONDS * 1000), cache: 'no-store' });
      const text = await response.text();
      const about = text.startsWith('{') ? JSON.parse(text) : null;
      if (response.ok && about?.status === 'ready') {
        this.engines = Array.isArray(about.engines) ? about.engines : [];
        this.#loading = Array.isArray(about.models) && about.models.some(({ state }) => state === 'waiting' || state === 'loading');
        this.state = 'ready';
      } else {
        this.state = response.status === 503 ? 'starting' : 'none';
      }
    } catch {
      this.state = 'away';
    }
  }

  // ---- Asking

  // `news` is called with {stage, percent} or {waiting, reason}.
  async ask(order, signal, news) {
    await this.#woken;
    signal.throwIfAborted();
    for (let attempt = 1; ; attempt++) {
      try {
        return this.isBetter ? await this.#job(order, signal, news) : await this.#generate(order, signal);
      } catch (fault) {
        if (!(fault instanceof Refusal) || fault.kind !== 'busy') throw fault;
        if (attempt >= ATTEMPTS || fault.wait > WAIT_MOST)
          throw new Refusal('busy', `${fault.message} Try again in ${seconds(fault.wait)}.`);
        news({ waiting: fault.wait, reason: `${fault.message} Asking again in ${seconds(fault.wait)}.` });
        await sleep(fault.wait * 1000, signal);
      }
    }
  }

  #generate(order, signal) {
    return this.#patiently(signal, async (send) => {
      const response = await send('generate', {
        method: 'POST',
        headers: { Accept: 'application/octet-stream' },
        body: JSON.stringify(order),
      });
      const pieces = [];
      for await (const piece of response.pieces()) pieces.push(piece);
      return decodeMessage(await new Blob(pieces).arrayBuffer());
    });
  }

  // What takes its time is a job: its events tell how far it is, and leaving it cancels it.
  #job(order, signal, news) {
    return this.#patiently(signal, async (send) => {
      const { id } = await (await send('jobs', { method: 'POST', body: JSON.stringify(order) })).json();
      if (!/^[\w-]+$/.test(id)) throw new Refusal('failed', 'The service sent an answer that this page does not understand.');
      const leave = () => fetch(this.#at(`jobs/${id}`), { method: 'DELETE', headers: this.#headers(), keepalive: true }).catch(() => {});
      addEventListener('pagehide', leave);
      let ended = false;
      try {
        const events = await send(`jobs/${id}/events`);
        for await (const { name, data } of readEvents(events.pieces(WORKING_SECONDS))) {
          if (name === 'status') news({ stage: data.stage, percent: data.percent, position: data.position, status: data.status });
          ended = name !== 'status';
          if (name === 'failed') throw new Refusal('failed', `The shape could not be made${reasonOf(data.error)}.`);
          if (name === 'cancelled') throw new Refusal('failed', 'The work was cancelled at the service.');
          if (ended) break;
        }
        if (!ended) throw new Refusal('away', 'The connection to the service broke off.');
        return decodeObject((await (await send(`jobs/${id}`)).json()).result);
      } finally {
        removeEventListener('pagehide', leave);
        if (!ended) leave();
      }
    });
  }

  // A file of a shape that the service made: Blob.
  async file(key, ending) {
    return this.#patiently(null, async (send) => (await send(`shapes/${encodeURIComponent(key)}.${ending}`)).blob());
  }

  // ---- Requests

  #at(path) {
    return new URL(path, this.#base);
  }

  #headers(more = {}) {
    return this.#key === '' ? more : { ...more, 'X-API-Key': this.#key };
  }

  // Runs `work` with a `send` that gives up after a time without a sign of life, and turns every fault into a Refusal.
  async #patiently(signal, work) {
    const patience = new AbortController();
    let timer;
    const alive = (time = QUIET_SECONDS) => {
      clearTimeout(timer);
      timer = setTimeout(() => patience.abort(new Refusal('late', `The service said nothing for ${time} seconds.`)), time * 1000);
    };
    const leave = () => patience.abort(signal.reason);
    signal?.addEventListener('abort', leave);
    const send = async (path, { headers, ...options } = {}) => {
      alive();
      const body = options.body === undefined ? {} : { 'Content-Type': 'application/json' };
      const response = await fetch(this.#at(path), {
        ...options, headers: this.#headers({ ...body, ...headers }), signal: patience.signal, cache: 'no-store',
      });
      alive();
      this.state = 'ready';
      if (!response.ok) throw await this.#refusal(response);
      return {
        json: () => response.json(),
        blob: () => response.blob(),
        pieces: async function* (time) {
          const reader = response.body.getReader();
          for (;;) {
            const { done, value } = await reader.read();
            if (done) return;
            alive(time);
            yield value;
          }
        },
      };
    };
    try {
      return await work(send);
    } catch (fault) {
      if (signal?.aborted) throw signal.reason;
      if (patience.signal.aborted) throw patience.signal.reason;
      if (!(fault instanceof TypeError)) throw fault;
      this.state = 'away';
      throw new Refusal('away', navigator.onLine === false ? 'There is no network.' : 'The service cannot be reached.');
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', leave);
    }
  }

  // What a refusal means, in words.
  async #refusal(response) {
    const body = (await response.json().catch(() => null)) ?? {};
    const wait = Math.max(1, Number.parseInt(response.headers.get('Retry-After'), 10) || 5);
    switch (response.status) {
      case 401: {
        const wrong = this.hasKey;
        this.keepKey('');
        return new Refusal('key', wrong ? 'That key was not accepted.' : 'This service asks for an API key.');
      }
      case 422: {
        const faults = Array.isArray(body.detail) ? body.detail.map((fault) => fault.msg).join('. ') : '';
        return new Refusal('text', faults || 'The service cannot make a shape of this text.');
      }
      case 429:
        return new Refusal('busy', 'Too many words in a short time.', wait);
      case 503:
        return new Refusal('busy', `The service cannot do it now${reasonOf(body)}.`, wait);
      case 500:
        return new Refusal('failed', `The shape could not be made${reasonOf(body)}.`);
      default:
        return new Refusal('failed', typeof body.error === 'string' ? body.error : `The service answered with status ${response.status}.`);
    }
  }
}

const reasonOf = (body) => (typeof body?.error === 'string' ? `: ${body.error.replace(/\.$/, '')}` : '');

// ---- Server-Sent Events, read with fetch because EventSource cannot send a key

async function* readEvents(pieces) {
  const decoder = new TextDecoder();
  let text = '';
  for await (const piece of pieces) {
    text += decoder.decode(piece, { stream: true }).replaceAll('\r', '');
    for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
      const lines = text.slice(0, end).split('\n');
      const field = (name) => lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trimStart()).join('\n');
      if (field('data')) yield { name: field('event') || 'message', data: JSON.parse(field('data')) };
    }
  }
}
