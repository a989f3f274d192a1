// The page of Lumen: a word becomes a shape at once, made here; a service with a better engine refines it.
//
// Everything on the page follows from one order {text, seed, quality, points}: the address holds it, the history keeps it,
// the engine makes it, the service is asked for it. The latest order wins.

import { canFilm, download } from './download.js';
import { useHands } from './hands.js';
import { openHistory } from './history.js';
import { keep, recall } from './keep.js';
import { openLegend } from './legend.js';
import { readLink, writeLink } from './link.js';
import { useMenus } from './menus.js';
import { openService, Refusal } from './service.js';
import { Stage } from './stage.js';
import { canHear, canListen, openHearing, openSpeech } from './voice.js';
import { captionOf, plain, tellOf } from './words.js';

const $ = (id) => document.getElementById(id);
const calm = matchMedia('(prefers-reduced-motion: reduce)');
const touch = matchMedia('(pointer: coarse)');

const stage = new Stage($('stage'));
const service = openService(document);
const legend = openLegend($('legend'), $('parts'), stage);
const history = openHistory({
  list: $('recent'), none: $('recent-none'), forget: $('forget'), previous: $('previous'), next: $('next'),
});

let order = null; // what is on the stage, or is to be
let shape = null; // the best shape of it so far
let asking = null; // AbortController of the request under way
let opening = null; // the promise that there is an engine

// ---- Saying things

// Where there is nothing else to say, the line tells what this browser lacks, if anything.
function say(words, wrong = false) {
  $('notice').textContent = words || stage.trouble;
  $('notice').classList.toggle('wrong', wrong);
  $('retry').hidden = true;
}

function progress(percent) {
  const known = percent !== undefined;
  $('progress').hidden = $('stop').hidden = !known;
  if (!known) return;
  if (percent === null) $('progress').removeAttribute('value');
  else $('progress').value = percent;
}

function caption() {
  const { facts } = shape;
  $('caption').replaceChildren(...captionOf(facts, shape.here).flatMap(([name, words], index) => {
    const span = document.createElement('span');
    span.className = name;
    span.textContent = words;
    return index ? [' · ', span] : [span];
  }));
  $('stage').setAttribute('aria-label', `${plain(facts.subject || order.text)}, a sculpture of ${facts.part_names.length} parts`);
  $('tell').textContent = tellOf(order.text, facts);
}

// ---- From a word to a sculpture

// What tests and curious people may look at: milliseconds since the page began.
window.lumenTimings = {};
const mark = (name) => {
  window.lumenTimings[name] = performance.now();
};

// Shows the first picture's time once it is there.
function markFirstFrame() {
  const done = () => {
    stage.after.delete(done);
    mark('moved');
  };
  stage.after.add(done);
}

function put(next, better) {
  if (better) stage.engine.refine(next);
  else stage.engine.show(next);
  stage.now();
  shape = next;
  window.lumenShape = next;
  legend.color(ownColors());
  legend.fill(next.facts.part_names);
  document.body.classList.remove('idle');
  caption();
}

// `from` says how the order came: 'word', 'address', 'history'.
function make(wanted, from) {
  if (!stage.engine) return void opening.then(() => make(wanted, from)); // it is opened anew, for more particles
  mark('entered');
  stopAsking();
  say('');
  let local = null;
  try {
    local = stage.engine.make?.(wanted.text, { seed: wanted.seed, quality: wanted.quality, points: wanted.points }) ?? null;
  } catch (fault) {
    say(fault.message, true);
    $('word').setAttribute('aria-invalid', 'true');
    return;
  }
  mark('made');
  $('word').removeAttribute('aria-invalid');
  order = wanted;
  if (local) {
    local.here = true;
    markFirstFrame();
    put(local, false);
  }
  document.title = `${order.text} · Lumen`;
  if (from !== 'address' && location.hash !== writeLink(order)) window.history.pushState(null, '', writeLink(order));
  history.add(order, from === 'history');
  $('lab').href = `lab.html${writeLink(order)}`;
  $('another').disabled = false;
  ask();
}

function rest() {
  stopAsking();
  order = shape = window.lumenShape = null;
  stage.engine.rest();
  legend.fill([]);
  document.body.classList.add('idle');
  document.title = 'Lumen';
  $('caption').replaceChildren();
  $('word').value = '';
  $('another').disabled = true;
  $('stage').setAttribute('aria-label', 'A ring of light');
  say('');
  stage.wake();
}

// ---- The service

function stopAsking() {
  asking?.abort();
  asking = null;
  progress();
  $('unlock').hidden = true;
}

async function ask() {
  if (!service || service.state === 'none' || navigator.onLine === false) {
    if (!shape) say('This browser cannot make shapes by itself, and no service answers.', true);
    return;
  }
  const mine = (asking = new AbortController());
  const { text, seed, quality, points: number } = order;
  if (!shape) progress(null);
  try {
    const better = await service.ask({ text, seed, quality, points: number }, mine.signal, (news) => mine === asking && tellNews(news));
    if (mine !== asking) return;
    // The same key of the same engine means the same bytes: then the shape is here already. Another key: a service with
    // concepts of its own.
    if (!shape || shape.facts.key !== better.facts.key || better.facts.pipeline !== 'procedural') put(better, Boolean(shape));
    say('');
  } catch (fault) {
    if (mine === asking && !mine.signal.aborted) refused(fault);
  } finally {
    if (mine === asking) {
      asking = null;
      progress();
    }
  }
}

function tellNews({ stage: step, percent, position, waiting, reason, status }) {
  if (waiting) {
    progress(null);
    say(reason);
  } else if (status === 'queued') {
    progress(null);
    say(position > 1 ? `Number ${position} in the queue of the service.` : 'Waiting for the service.');
  } else {
    progress(Number.isFinite(percent) ? percent : null);
    say(step ? `A finer one is being made: ${plain(step)}` : 'A finer one is being made.');
  }
}

// The shape made here stays, whatever the service says.
function refused(fault) {
  const kind = fault instanceof Refusal ? fault.kind : 'failed';
  const made = shape?.here ? ' This shape was made here.' : '';
  if (service.state === 'none') return;
  say(`${fault.message}${made}`, !made || kind === 'failed');
  if (kind === 'key') {
    $('unlock').hidden = false;
    if (!made) $('key').focus();
  } else {
    $('retry').hidden = kind === 'text' || kind === 'away';
  }
}

$('stop').addEventListener('click', () => {
  stopAsking();
  say('Stopped.');
  $('word').focus();
});
$('retry').addEventListener('click', () => {
  say('');
  stopAsking();
  ask();
});
$('unlock').addEventListener('submit', (event) => {
  event.preventDefault();
  service.keepKey($('key').value.trim());
  $('key').value = '';
  $('unlock').hidden = true;
  $('word').focus();
  say('');
  if (order) ask();
});
$('later').addEventListener('click', () => {
  $('unlock').hidden = true;
  $('word').focus();
  say('');
});

// ---- The word

const side = () => Number($('side').value);
const points = () => Math.min(side() ** 2, 65536);

$('word').addEventListener('input', () => stage.typing());
$('say').addEventListener('submit', (event) => {
  event.preventDefault();
  speech.stop();
  const text = $('word').value.trim();
  if (!text) return;
  make({ text, seed: 0, quality: $('quality').value, points: points() }, 'word');
  // Typing goes on with the next word; on a phone the keyboard makes room for the sculpture.
  if (touch.matches) $('word').blur();
  else $('word').select();
});
$('another').addEventListener('click', () => order && make({ ...order, seed: order.seed + 1 }, 'word'));

function walk(steps) {
  const there = history.step(steps);
  if (!there) return;
  $('word').value = there.text;
  make(there, 'history');
}

$('previous').addEventListener('click', () => walk(1));
$('next').addEventListener('click', () => walk(-1));

// The address: on opening, back and forward, links on the page.
function follow() {
  const there = readLink(location.hash);
  if (!there.text) return order && rest();
  if (writeLink(there) === writeLink(order)) return;
  $('word').value = there.text;
  $('quality').value = there.quality;
  make(there, 'address');
}

addEventListener('popstate', follow);

// ---- Keys

const look = useHands(stage, $('stage'), {
  picked(part) {
    legend.pick(part);
    say(part && shape ? plain(shape.facts.part_names[part - 1] ?? '') : '');
  },
  turned: () => turn($('turn').getAttribute('aria-pressed') !== 'true'),
});

const isControl = (element) => element.closest?.('input, select, textarea, button, a, summary') !== null;

addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  const { target } = event;
  if (event.key === 'Escape') return escape();
  if (target === $('word')) {
    const steps = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!steps) return;
    event.preventDefault();
    walk(steps);
    return;
  }
  if (target.closest?.('input, select, textarea')) return;
  if (!isControl(target) && look(event)) return;
  // Typing always: a letter goes to the word, which it begins anew. Space presses buttons, so it stays with them.
  if (event.key.length !== 1 || event.key === ' ' || event.ctrlKey || event.metaKey || event.altKey) return;
  $('word').focus();
  $('word').select();
});

function escape() {
  if (menus.close()) return;
  speech.stop();
  if (!$('stop').hidden) {
    $('stop').click();
  } else if (document.activeElement === $('word')) {
    $('stage').focus();
  } else {
    $('word').focus();
  }
}

$('skip').addEventListener('click', (event) => {
  event.preventDefault();
  $('word').focus();
});

// ---- The view

// Who wants less motion gets no turning either.
function turn(wanted) {
  const on = wanted && !calm.matches;
  $('turn').disabled = calm.matches;
  $('turn').setAttribute('aria-pressed', String(on));
  stage.engine?.turn(on);
  stage.wake();
}

const natural = () => $('colors').getAttribute('aria-pressed') === 'true';
const ownColors = () => (natural() ? shape?.facts.part_colors ?? null : null);

$('turn').addEventListener('click', () => turn($('turn').getAttribute('aria-pressed') !== 'true'));
$('again').addEventListener('click', () => {
  stage.engine.lookAgain();
  stage.wake();
});
$('colors').addEventListener('click', () => {
  $('colors').setAttribute('aria-pressed', String(!natural()));
  stage.engine.trueColors(natural());
  legend.color(ownColors());
  stage.wake();
});
$('quality').addEventListener('change', () => order && make({ ...order, quality: $('quality').value }, 'word'));
$('side').addEventListener('change', async () => {
  keep('side', side());
  await openEngine();
  if (order) make({ ...order, points: points() }, 'word');
});
calm.addEventListener('change', () => {
  stage.engine?.still(calm.matches);
  turn(!calm.matches);
});

function openEngine() {
  opening = reopen();
  return opening;
}

async function reopen() {
  const options = { side: side(), still: calm.matches, lower: false };
  const engine = await stage.open(options);
  if (!engine) return; // another one is being opened
  window.lumenEngine = engine;
  window.lumenStage = stage;
  engine.trueColors(natural());
  turn($('turn').getAttribute('aria-pressed') === 'true');
  if (shape) put(shape, false);
  if (stage.trouble) say('');
}

// ---- Files

const menus = useMenus(document.querySelectorAll('.menu'));

$('save').addEventListener('click', async (event) => {
  const button = event.target.closest('button[data-file]');
  if (!button) return;
  button.disabled = true;
  try {
    const name = await download(button.dataset.file, { stage, shape, service, text: order?.text, news: say });
    say(`Saved ${name}.`);
  } catch (fault) {
    say(fault.message, true);
  } finally {
    button.disabled = false;
  }
});
$('copy').addEventListener('click', async () => {
  const link = new URL(writeLink(order), location.href).href;
  try {
    await navigator.clipboard.writeText(link);
    say('The link is copied.');
  } catch {
    say(`The browser does not let this page copy. The link is: ${link}`);
  }
});

// ---- Voice

const speech = openSpeech({
  heard(text, final) {
    $('word').value = text;
    if (final && text) $('say').requestSubmit();
  },
  changed(on, told) {
    $('listen').setAttribute('aria-pressed', String(on));
    $('word').placeholder = on ? 'listening …' : 'say a word';
    if (on) say('Listening. Your browser turns speech into text; its maker may do that on computers of their own.');
    else if (!told && $('notice').textContent.startsWith('Listening')) say('');
  },
  said: say,
});
$('listen').addEventListener('click', () => {
  $('word').value = '';
  speech.toggle();
});

const hearing = openHearing(stage, {
  changed(on, features) {
    $('hear').setAttribute('aria-pressed', String(on));
    $('hear').style.setProperty('--loud', on ? (features?.loudness ?? 0).toFixed(2) : '0');
    if (!on) say('');
  },
  said: say,
});
$('hear').addEventListener('click', () => hearing.toggle());
addEventListener('pagehide', () => hearing.stop());

// ---- Beginning

function tellNetwork() {
  if (navigator.onLine === false) say(service ? 'No network: shapes are made here.' : '');
  else service?.wake();
}

addEventListener('online', () => {
  say('');
  tellNetwork();
});
addEventListener('offline', tellNetwork);

$('listen').hidden = !canListen();
$('hear').hidden = !canHear();
document.querySelector('[data-file="webm"]').hidden = !canFilm();
$('side').value = String(recall('side', 128));
if (!$('side').value) $('side').value = '128';
tellNetwork();
await openEngine();
turn(true);
follow();
// The first word of a page costs the browser more than the next ones: it compiles as it goes. So one is made unseen.
if (!order) setTimeout(() => order || stage.engine.make?.('cat', {}), 300);
// A copy of the page for days without a network; it never stands before the network's own (sw.js).
if ('serviceWorker' in navigator) navigator.serviceWorker.register('sw.js').catch(() => {});
