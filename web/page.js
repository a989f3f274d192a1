// The plain page of Lumen: a word goes to POST /generate, and its points turn in the dark.
//
// All addresses are relative, so that the page also works below a path of a proxy.

const HEAD_BYTES = 16;
const QUIET_SECONDS = 10; // without a byte from the service, a request is given up
const ATTEMPTS = 4; // of one word, when the service asks to come back later
const WAIT_MOST = 30; // seconds that the page waits by itself before it asks again

const $ = (id) => document.getElementById(id);
const still = matchMedia('(prefers-reduced-motion: reduce)');

// ---- The message

// "LUM1", then as u32 LE the bytes of JSON, the points, the bytes of all; JSON; xyz as f32 LE; part ids; attachments.
function decode(buffer) {
  const strange = new Error('The service sent an answer that this page does not understand. Reload the page.');
  if (buffer.byteLength < HEAD_BYTES) throw strange;
  const head = new DataView(buffer);
  const json = head.getUint32(4, true);
  const count = head.getUint32(8, true);
  const start = HEAD_BYTES + json;
  if (head.getUint32(0, false) !== 0x4c554d31 || json % 4 || !count || buffer.byteLength !== head.getUint32(12, true) ||
      buffer.byteLength !== start + 14 * count) throw strange;
  const facts = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, HEAD_BYTES, json)));
  const positions = new Float32Array(3 * count);
  for (let i = 0; i < positions.length; i++) positions[i] = head.getFloat32(start + 4 * i, true);
  return { facts, count, positions, parts: new Uint8Array(buffer, start + 12 * count, count) };
}

// ---- The key

// Kept until the tab is closed; where storage is forbidden, as long as the page.
let key = '';
try {
  key = sessionStorage.getItem('lumen-key') || '';
} catch { /* no storage */ }

function keepKey(text) {
  key = text;
  try {
    sessionStorage.setItem('lumen-key', text);
  } catch { /* no storage */ }
}

const withKey = (headers) => (key ? { ...headers, 'X-API-Key': key } : headers);

// ---- Asking for a shape

let asked = null; // the request under way: {text, abort, timer}

// Ends what is under way: the latest word wins.
function stopAsking() {
  if (!asked) return;
  clearTimeout(asked.timer);
  asked.abort.abort();
  asked = null;
  $('say').removeAttribute('aria-busy');
}

async function ask(text, attempt = 1) {
  stopAsking();
  const mine = (asked = { text, abort: new AbortController(), timer: 0, late: false });
  const alive = () => {
    clearTimeout(mine.timer);
    mine.timer = setTimeout(() => {
      mine.late = true;
      mine.abort.abort();
    }, QUIET_SECONDS * 1000);
  };
  $('say').setAttribute('aria-busy', 'true');
  $('unlock').hidden = $('again').hidden = true;
  if (attempt === 1) say(`Shaping “${text}” …`);
  const began = performance.now();
  try {
    alive();
    const response = await fetch('generate', {
      method: 'POST',
      headers: withKey({ 'Content-Type': 'application/json', Accept: 'application/octet-stream' }),
      body: JSON.stringify({ text, points: Number($('points').value) }),
      signal: mine.abort.signal,
      cache: 'no-store',
    });
    alive();
    const bytes = await readAll(response, alive);
    if (asked !== mine) return;
    if (response.ok) show(decode(bytes), text, performance.now() - began);
    else refuse(response, bytes, text, attempt);
  } catch (fault) {
    if (asked !== mine) return;
    if (mine.late) fail(`The service said nothing for ${QUIET_SECONDS} seconds. It may be busy; try again.`);
    else if (fault instanceof TypeError)
      fail('The service cannot be reached. Check that it is running and that you are connected, then try again.');
    else fail(fault.message);
  } finally {
    if (asked === mine) {
      clearTimeout(mine.timer);
      $('say').removeAttribute('aria-busy');
    }
  }
}

// The whole body; every piece of it is a sign of life.
async function readAll(response, alive) {
  if (!response.body) return response.arrayBuffer();
  const pieces = [];
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return new Blob(pieces).arrayBuffer();
    pieces.push(value);
    alive();
  }
}

// What a refusal means, in words, and what to do about it.
function refuse(response, bytes, text, attempt) {
  let body = {};
  try {
    body = JSON.parse(new TextDecoder().decode(bytes)) || {};
  } catch { /* a proxy answered */ }
  const reason = typeof body.error === 'string' ? body.error : '';
  const wait = Math.max(1, Number.parseInt(response.headers.get('Retry-After'), 10) || 5);
  switch (response.status) {
    case 401: {
      const wrong = key !== '';
      keepKey('');
      $('unlock').hidden = false;
      $('key').focus();
      return say(wrong ? 'That key was not accepted.' : 'This service asks for an API key.', wrong);
    }
    case 422: {
      const faults = Array.isArray(body.detail) ? body.detail.map((fault) => fault.msg).join('. ') : '';
      $('word').select();
      return say(faults || 'The service cannot make a shape of this text.', true);
    }
    case 429:
    case 503: {
      const why = response.status === 429 ? 'Too many words in a short time.' : `The service cannot do it now${reason ? `: ${reason}` : ''}.`;
      if (attempt >= ATTEMPTS || wait > WAIT_MOST) return fail(`${why} Try again in ${seconds(wait)}.`);
      say(`${why} Asking again in ${seconds(wait)} …`, true);
      const mine = asked;
      return setTimeout(() => asked === mine && ask(text, attempt + 1), wait * 1000);
    }
    case 500:
      return fail(`The shape could not be made${reason ? `: ${reason}` : ''}.`);
    default:
      return fail(reason || `The service answered with status ${response.status}.`);
  }
}

const seconds = (count) => (count === 1 ? 'a second' : `${count} seconds`);

function say(words, wrong = false) {
  $('status').textContent = words;
  $('status').classList.toggle('wrong', wrong);
}

function fail(words) {
  say(words, true);
  $('again').hidden = false;
}

// ---- The word, and the address that holds it

function wordOfAddress() {
  try {
    return decodeURIComponent(location.hash.slice(1)).trim();
  } catch {
    return location.hash.slice(1).trim();
  }
}

function follow() {
  const text = wordOfAddress();
  if (text) {
    $('word').value = text;
    ask(text);
  }
}

$('say').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('word').value.trim();
  if (!text) return;
  if (wordOfAddress() === text) ask(text);
  else location.hash = encodeURIComponent(text);
});
$('unlock').addEventListener('submit', (event) => {
  event.preventDefault();
  keepKey($('key').value.trim());
  $('key').value = '';
  if (asked) ask(asked.text);
});
$('again').addEventListener('click', () => asked && ask(asked.text));
$('points').addEventListener('change', () => asked && ask(asked.text));
addEventListener('hashchange', follow);
addEventListener('keydown', (event) => {
  if (event.key !== 'Escape' || !$('say').hasAttribute('aria-busy')) return;
  stopAsking();
  say('Stopped.');
});

// ---- What the service said

const plain = (name) => String(name).replaceAll('_', ' ');
const milliseconds = (time) => `${time < 10 ? time.toFixed(1) : Math.round(time)} ms`;

function show(message, text, took) {
  const { facts, count } = message;
  const subject = plain(facts.subject || text);
  const abstract = facts.template_type === 'abstract';
  const lines = [['subject', subject]];
  if (facts.concept && plain(facts.concept) !== subject && !abstract)
    lines.push(['concept', `shaped like ${plain(facts.concept)}`]);
  lines.push(['template', plain(facts.template_type)]);
  if (facts.motion && facts.motion.template !== 'idle') lines.push(['motion', plain(facts.motion.template)]);
  lines.push(['pipeline', plain(facts.pipeline)], ['points', `${count.toLocaleString('en')} points`]);
  lines.push(['time', `made in ${milliseconds(facts.generation_time_ms)}`]);
  lines.push(['cached', facts.cached ? 'from the cache' : 'new']);
  lines.push(['took', `answered in ${milliseconds(took)}`]);
  $('facts').replaceChildren(...lines.flatMap(([name, words], index) => {
    const span = document.createElement('span');
    span.className = name;
    span.textContent = words;
    return index ? [' · ', span] : [span];
  }));
  say(abstract ? 'No table knows this word: an abstract form stands for it.' : '');
  document.title = `${text} · Lumen`;
  sky.setAttribute('aria-label', `${subject} as ${count} points in ${facts.part_names.length} parts`);
  offerFiles(facts.key, text);
  setShape(message);
  fillLegend(facts.part_names);
}

// ---- Files

function offerFiles(shapeKey, text) {
  const name = text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-+|-+$/g, '') || 'shape';
  $('files').hidden = !/^[0-9a-f]{16}$/.test(shapeKey);
  for (const link of $('files').children) {
    link.href = `shapes/${shapeKey}.${link.dataset.ending}`;
    link.download = `${name}.${link.dataset.ending}`;
  }
}

// A link sends no key; where one is needed the file is fetched with it and handed on.
$('files').addEventListener('click', async (event) => {
  const link = event.target.closest('a');
  if (!link || !key) return;
  event.preventDefault();
  try {
    const response = await fetch(link.href, { headers: withKey({}) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const from = URL.createObjectURL(await response.blob());
    const carrier = Object.assign(document.createElement('a'), { href: from, download: link.download });
    carrier.click();
    setTimeout(() => URL.revokeObjectURL(from), 10000);
  } catch (fault) {
    say(`${link.download} could not be fetched (${fault.message}). Ask for the word again, then for the file.`, true);
  }
});

// ---- The legend

const PALETTE = ['#74b9ff', '#ffb45e', '#7fe3b4', '#ff819f', '#c29dff', '#f1e07c', '#5fd6e6', '#ff9b73'];

let shown = 0; // the part under the pointer or the focus, from 1; 0: none
let chosen = 0; // the part that was pressed

function colorOf(part) {
  if (part === 0) return '#c3d2ea';
  const natural = trueColors && shape.facts.part_colors && shape.facts.part_colors[part - 1];
  if (/^#[0-9a-f]{6}$/i.test(natural || '')) return lift(natural);
  return PALETTE[part - 1] || `hsl(${(part * 137.5) % 360} 80% 70%)`;
}

// Light cannot be dark: a black cat is drawn in a dim gray.
function lift(color) {
  const rgb = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
  const low = Math.max(...rgb);
  return `rgb(${rgb.map((value) => Math.round(low < 130 ? value + 130 - low : value)).join()})`;
}

function fillLegend(names) {
  shown = chosen = 0;
  $('legend').hidden = names.length === 0;
  $('parts').replaceChildren(...names.map((name, index) => {
    const item = document.createElement('li');
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = plain(name);
    button.setAttribute('aria-pressed', 'false');
    const light = (part) => () => {
      shown = part;
      wake();
    };
    button.addEventListener('pointerenter', light(index + 1));
    button.addEventListener('focus', light(index + 1));
    button.addEventListener('pointerleave', light(0));
    button.addEventListener('blur', light(0));
    button.addEventListener('click', () => {
      chosen = chosen === index + 1 ? 0 : index + 1;
      if (!chosen) shown = 0;
      [...$('parts').querySelectorAll('button')].forEach((other, at) =>
        other.setAttribute('aria-pressed', String(at + 1 === chosen)));
      wake();
    });
    item.append(button);
    return item;
  }));
  paintLegend();
}

function paintLegend() {
  [...$('parts').querySelectorAll('button')].forEach((button, index) =>
    button.style.setProperty('--part', colorOf(index + 1)));
  atlas = null;
  wake();
}

let trueColors = false;
$('colors').addEventListener('click', () => {
  trueColors = !trueColors;
  $('colors').setAttribute('aria-pressed', String(trueColors));
  paintLegend();
});

// ---- The camera

const view = { yaw: 0.7, pitch: 0.22, zoom: 1 };
let turning = !still.matches;

function look(yaw, pitch, zoom) {
  view.yaw += yaw;
  view.pitch = Math.min(1.5, Math.max(-1.5, view.pitch + pitch));
  view.zoom = Math.min(5, Math.max(0.4, view.zoom * zoom));
  wake();
}

function turn(on) {
  turning = on;
  $('turn').setAttribute('aria-pressed', String(on));
  wake();
}

const sky = $('sky');
const fingers = new Map();
const spread = () => {
  const [a, b] = [...fingers.values()];
  return Math.hypot(a.x - b.x, a.y - b.y) || 1;
};

sky.addEventListener('pointerdown', (event) => {
  sky.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  wake();
});
sky.addEventListener('pointermove', (event) => {
  const finger = fingers.get(event.pointerId);
  if (!finger) return;
  const before = fingers.size === 2 ? spread() : 0;
  const [x, y] = [event.clientX - finger.x, event.clientY - finger.y];
  Object.assign(finger, { x: event.clientX, y: event.clientY });
  if (fingers.size === 1) look(x * 0.008, y * 0.008, 1);
  else if (before) look(0, 0, spread() / before);
});
for (const end of ['pointerup', 'pointercancel', 'lostpointercapture'])
  sky.addEventListener(end, (event) => {
    fingers.delete(event.pointerId);
    wake();
  });
sky.addEventListener('wheel', (event) => {
  event.preventDefault();
  look(0, 0, Math.exp(-event.deltaY * (event.deltaMode ? 0.04 : 0.0015)));
}, { passive: false });
sky.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const keys = {
    ArrowLeft: [-0.12, 0, 1], ArrowRight: [0.12, 0, 1], ArrowUp: [0, -0.1, 1], ArrowDown: [0, 0.1, 1],
    '+': [0, 0, 1.12], '=': [0, 0, 1.12], '-': [0, 0, 1 / 1.12],
    0: [0.7 - view.yaw, 0.22 - view.pitch, 1 / view.zoom],
  };
  if (event.key === ' ') turn(!turning);
  else if (Object.hasOwn(keys, event.key)) look(...keys[event.key]);
  else return;
  event.preventDefault();
});
$('turn').addEventListener('click', () => turn(!turning));
still.addEventListener('change', () => turn(!still.matches));

// ---- The points

// Before the first word: a slowly breathing ring.
function ring() {
  const count = 2048;
  const positions = new Float32Array(3 * count);
  for (let i = 0; i < count; i++) {
    const around = (i / count) * 2 * Math.PI;
    const [across, radius] = [i * 2.39996, 0.16 * ((i * 0.618034) % 1)];
    positions[3 * i] = Math.cos(around) * (0.78 + radius * Math.cos(across));
    positions[3 * i + 1] = Math.sin(around) * (0.78 + radius * Math.cos(across));
    positions[3 * i + 2] = radius * Math.sin(across);
  }
  return { facts: { part_names: [] }, count, positions, parts: new Uint8Array(count), fit: 1, spread: 1, idle: true };
}

// How far the shape reaches from its middle, and how much surface its points share (1: an owl): thin shapes get smaller
// discs, or they would be white.
function weigh(next) {
  const cells = new Set();
  let reach = 1;
  for (let i = 0; i < next.count; i++) {
    const [x, y, z] = next.positions.subarray(3 * i, 3 * i + 3);
    reach = Math.max(reach, Math.hypot(x, y, z));
    cells.add((Math.round(x * 10) * 64 + Math.round(y * 10)) * 64 + Math.round(z * 10));
  }
  next.fit = 1 / reach;
  next.spread = Math.sqrt(Math.min(1.2, Math.max(0.15, cells.size / 550)));
}

const MORPH_SECONDS = 0.9;
const EYE = 3.6; // from the eye to the middle of the shape, whose half length is 1
let shape = ring();
let from = null; // where each point comes from while it travels to its place
let arrived = 0; // when the shape came, in seconds

function setShape(next) {
  const old = shape;
  shape = next;
  if (still.matches) {
    from = null;
  } else {
    from = new Float32Array(3 * next.count);
    for (let i = 0; i < next.count; i++) {
      const source = 3 * (i % old.count);
      from.set(old.positions.subarray(source, source + 3), 3 * i);
    }
  }
  weigh(next);
  arrived = performance.now() / 1000;
  stride = 1;
  slow = 0;
}

// ---- Drawing

// Every disc is a piece of one prepared picture, with a column for each part and a row for each brightness: a frame is
// one drawImage a point, added up as light is.
const SPRITE = 32;
const LEVELS = 12;
let atlas = null;

function prepareAtlas() {
  const parts = shape.facts.part_names.length + 1;
  atlas = document.createElement('canvas');
  atlas.width = parts * SPRITE;
  atlas.height = LEVELS * SPRITE;
  const brush = atlas.getContext('2d');
  for (let part = 0; part < parts; part++) {
    const disc = brush.createRadialGradient(0, 0, 0, 0, 0, SPRITE / 2 - 1);
    const color = colorOf(part);
    disc.addColorStop(0, '#fff');
    disc.addColorStop(0.16, color);
    disc.addColorStop(0.4, `color-mix(in srgb, ${color} 38%, transparent)`);
    disc.addColorStop(0.7, `color-mix(in srgb, ${color} 9%, transparent)`);
    disc.addColorStop(1, `color-mix(in srgb, ${color} 0%, transparent)`);
    brush.fillStyle = disc;
    for (let level = 0; level < LEVELS; level++) {
      brush.setTransform(1, 0, 0, 1, (part + 0.5) * SPRITE, (level + 0.5) * SPRITE);
      brush.globalAlpha = ((level + 1) / LEVELS) ** 1.5;
      brush.fillRect(-SPRITE / 2, -SPRITE / 2, SPRITE, SPRITE);
    }
  }
}

const pen = sky.getContext('2d');
let [width, height, ratio] = [0, 0, 1];
let center = [0, 0];
let room = 0; // half of what the shape may fill, in pixels of the screen

function measure() {
  ratio = Math.min(2, devicePixelRatio || 1);
  [width, height] = [innerWidth, innerHeight];
  [sky.width, sky.height] = [Math.round(width * ratio), Math.round(height * ratio)];
  const stage = $('stage').getBoundingClientRect();
  center = [stage.left + stage.width / 2, stage.top + stage.height / 2];
  room = Math.max(60, Math.min(stage.width * 0.92, stage.height) / 2);
  wake();
}

let stride = 1; // while the shape moves, a machine that cannot keep up draws only every so many points
let slow = 0; // mean seconds of a frame
let before = 0;
let frame = 0;

function wake() {
  if (!frame) frame = requestAnimationFrame(draw);
}

function draw(time) {
  const now = time / 1000;
  const passed = Math.min(0.1, Math.max(0, now - before));
  before = now;
  if (turning && fingers.size === 0) view.yaw += passed * 0.25;
  const travel = from ? Math.min(1, Math.max(0, (now - arrived) / MORPH_SECONDS)) : 1;
  if (travel === 1) from = null;
  const moving = turning || from || fingers.size > 0;
  paint(now, travel * travel * (3 - 2 * travel), moving ? stride : 1);
  slow += 0.1 * (passed - slow);
  if (slow > 0.05 && stride < 8) {
    stride *= 2;
    slow = 0;
  }
  frame = 0;
  if (moving || (shape.idle && !still.matches)) wake();
}

function paint(now, travel, step) {
  if (!atlas) prepareAtlas();
  const { count, positions, parts } = shape;
  const lit = shown || chosen;
  const [cosY, sinY, cosP, sinP] = [Math.cos(view.yaw), Math.sin(view.yaw), Math.cos(view.pitch), Math.sin(view.pitch)];
  const breath = shape.idle && !still.matches ? 1 + 0.03 * Math.sin(now * 1.3) : 1;
  const scale = room * shape.fit * view.zoom * breath * EYE * 0.86;
  // The more points, the smaller and dimmer each: the light of the whole stays about the same.
  const drawn = count / step;
  const size = Math.max(5, Math.min(34, (room * shape.fit * shape.spread * 3) / Math.sqrt(drawn)) * Math.sqrt(view.zoom)) * EYE;
  const glow = (LEVELS - 1) * (shape.idle ? 0.4 : Math.min(0.8, 0.42 + 800 / drawn));
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.globalCompositeOperation = 'source-over';
  pen.clearRect(0, 0, width, height);
  pen.globalCompositeOperation = 'lighter';
  for (let i = 0; i < count; i += step) {
    let x = positions[3 * i];
    let y = positions[3 * i + 1];
    let z = positions[3 * i + 2];
    if (from) {
      x = from[3 * i] + (x - from[3 * i]) * travel;
      y = from[3 * i + 1] + (y - from[3 * i + 1]) * travel;
      z = from[3 * i + 2] + (z - from[3 * i + 2]) * travel;
    }
    const right = x * cosY + z * sinY;
    const deep = z * cosY - x * sinY;
    const up = y * cosP - deep * sinP;
    const near = deep * cosP + y * sinP; // toward the eye
    const closeness = 1 / (EYE - near);
    const side = size * closeness;
    const part = parts[i];
    // Far points are dimmer; when a part is lit the others fade.
    let level = glow * Math.min(1, Math.max(0.1, 0.62 + 0.4 * near));
    if (lit) level = part === lit ? Math.min(LEVELS - 1, level * 1.5) : level * 0.22;
    pen.drawImage(atlas, part * SPRITE, Math.round(level) * SPRITE, SPRITE, SPRITE,
      center[0] + right * scale * closeness - side / 2, center[1] - up * scale * closeness - side / 2, side, side);
  }
}

// ---- Beginning

new ResizeObserver(measure).observe($('stage'));
addEventListener('resize', measure);
turn(turning);
measure();
fetch('health').catch(() => {}); // a service that sleeps wakes up while the word is typed
follow();
