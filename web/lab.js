// The motion lab: for the whole body and each part one of the fifteen movements, with a slider for everything it takes.

import { handOver } from './download.js';
import { useHands } from './hands.js';
import { readLink, USUAL, writeLink } from './link.js';
import { Stage } from './stage.js';
import { writeTemplate } from './template.js';
import { plain } from './words.js';

const $ = (id) => document.getElementById(id);
const calm = matchMedia('(prefers-reduced-motion: reduce)');

const stage = new Stage($('stage'));
let engine = null;
let primitives = []; // [{id, name, summary, oneShot, parameters}]
let shape = null;
let names = []; // of the parts
let rows = new Map(); // of row numbers (0: the whole body) to {primitive, values: {name: number}, place}
let chosen = 0; // the row whose sliders are shown

function say(words, wrong = false) {
  $('notice').textContent = words;
  $('notice').classList.toggle('wrong', wrong);
}

// ---- The shape

function make(text) {
  try {
    shape = engine.make(text, { points: USUAL.points });
  } catch (fault) {
    say(fault.message, true);
    return;
  }
  engine.show(shape);
  names = shape.facts.part_names;
  rows = new Map([...rows].filter(([row]) => row <= names.length));
  if (chosen > names.length) chosen = 0;
  const link = writeLink({ ...readLink(''), text });
  history.replaceState(null, '', link);
  $('home').href = `./${link}`;
  $('stage').setAttribute('aria-label', `${plain(shape.facts.subject)}, a sculpture of ${names.length} parts`);
  say('');
  paintRows();
  paintParameters();
  // A new shape moves as its verb says; once something is set here, as it is set here.
  if (rows.size) play();
  else paintText();
  stage.wake();
}

// ---- Rows

const nameOf = (row) => (row === 0 ? 'the whole body' : plain(names[row - 1]));

function paintRows() {
  $('rows').replaceChildren(...Array.from({ length: names.length + 1 }, (_, row) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.setAttribute('aria-pressed', String(row === chosen));
    const movement = document.createElement('small');
    movement.textContent = rows.has(row) ? plain(primitives[rows.get(row).primitive].name) : '';
    button.append(nameOf(row), movement);
    const light = (part) => () => {
      engine.highlight(part);
      stage.wake();
    };
    button.addEventListener('pointerenter', light(row));
    button.addEventListener('focus', light(row));
    button.addEventListener('pointerleave', light(0));
    button.addEventListener('blur', light(0));
    button.addEventListener('click', () => {
      chosen = row;
      [...$('rows').querySelectorAll('button')].forEach((other, at) => other.setAttribute('aria-pressed', String(at === row)));
      paintParameters();
    });
    const item = document.createElement('li');
    item.append(button);
    return item;
  }));
}

function paintMovement() {
  const movement = $('rows').querySelectorAll('small')[chosen];
  movement.textContent = rows.has(chosen) ? plain(primitives[rows.get(chosen).primitive].name) : '';
}

// ---- Sliders

const usual = (primitive) => Object.fromEntries(primitives[primitive].parameters
  .filter(({ name }) => !name.startsWith('pivot_'))
  .map(({ name, usual: value }) => [name, value]));
const digits = (value) => (Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2));

function paintParameters() {
  const row = rows.get(chosen);
  $('who').textContent = nameOf(chosen);
  $('primitive').value = row ? String(row.primitive) : '';
  $('summary').textContent = row ? primitives[row.primitive].summary : '';
  $('replay').hidden = !row || !primitives[row.primitive].oneShot;
  const parameters = row ? primitives[row.primitive].parameters : [];
  const sliders = parameters.filter(({ name }) => !name.startsWith('pivot_')).map((parameter) => slider(parameter, row));
  const pivot = parameters.find(({ name }) => name === 'pivot_x');
  $('parameters').replaceChildren(...(pivot ? [pivotField(pivot, row)] : []), ...sliders);
}

// A pivot is a place of the shape, as in the templates, so that it fits other shapes too.
const PLACES = ['joint', 'center', 'middle', 'floor', 'top', 'front', 'back'];

function pivotField({ meaning }, row) {
  const field = document.createElement('div');
  field.className = 'parameter';
  const label = document.createElement('label');
  label.htmlFor = 'parameter-pivot';
  label.textContent = 'pivot';
  const select = document.createElement('select');
  select.id = label.htmlFor;
  const places = chosen === 0 ? PLACES.filter((place) => !['joint', 'center'].includes(place)) : PLACES;
  select.append(...places.map((place) => Object.assign(document.createElement('option'), { value: place, textContent: place })));
  select.value = row.place || places[0];
  select.addEventListener('change', () => {
    row.place = select.value === places[0] ? '' : select.value;
    play();
  });
  const about = document.createElement('small');
  about.id = 'about-pivot';
  about.textContent = meaning.split(',')[0];
  select.setAttribute('aria-describedby', about.id);
  field.append(label, select, about);
  return field;
}

// The box around the points of a part; of all points for row 0.
function boxOf(row) {
  const [low, high] = [[Infinity, Infinity, Infinity], [-Infinity, -Infinity, -Infinity]];
  shape.parts.forEach((part, i) => {
    if (row === 0 || part === row)
      for (let k = 0; k < 3; k++) {
        low[k] = Math.min(low[k], shape.positions[3 * i + k]);
        high[k] = Math.max(high[k], shape.positions[3 * i + k]);
      }
  });
  return { low, high, middle: low.map((value, k) => (value + high[k]) / 2) };
}

// {pivot_x, pivot_y, pivot_z} of a place; {} for the joint, which the engine knows.
function pivotOf(place, row) {
  if (!place) return {};
  const { low, high, middle } = boxOf(place === 'center' ? row : 0);
  const [x, y, z] = {
    floor: [middle[0], low[1], middle[2]], top: [middle[0], high[1], middle[2]],
    front: [middle[0], middle[1], high[2]], back: [middle[0], middle[1], low[2]],
  }[place] ?? middle;
  return { pivot_x: x, pivot_y: y, pivot_z: z };
}

function slider({ name, meaning, least, most }, row) {
  const field = document.createElement('div');
  field.className = 'parameter';
  const label = document.createElement('label');
  label.htmlFor = `parameter-${name}`;
  label.textContent = plain(name);
  const output = document.createElement('output');
  output.htmlFor = label.htmlFor;
  output.textContent = digits(row.values[name]);
  const input = Object.assign(document.createElement('input'), { type: 'range', id: label.htmlFor, min: least, max: most, step: 'any' });
  input.value = row.values[name];
  const about = document.createElement('small');
  about.id = `about-${name}`;
  about.textContent = meaning;
  input.setAttribute('aria-describedby', about.id);
  input.addEventListener('input', () => {
    row.values[name] = Number(input.value);
    output.textContent = digits(row.values[name]);
    play();
  });
  // With step "any" some browsers move by hundredths of nothing at each key.
  input.addEventListener('keydown', (event) => {
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!steps) return;
    event.preventDefault();
    input.value = row.values[name] + steps * (most - least) / 100;
    input.dispatchEvent(new Event('input'));
  });
  field.append(label, output, input, about);
  return field;
}

$('primitive').addEventListener('change', () => {
  const primitive = $('primitive').value;
  if (primitive === '') rows.delete(chosen);
  else rows.set(chosen, { primitive: Number(primitive), values: usual(Number(primitive)), place: '' });
  paintMovement();
  paintParameters();
  play();
});

// ---- Playing and keeping

function play() {
  engine.plan([...rows].map(([row, { primitive, values, place }]) => ({ row, primitive, ...values, ...pivotOf(place, row) })));
  paintText();
  stage.wake();
}

const templateName = () => $('name').value.trim().toLowerCase().replace(/[^a-z0-9_]+/g, '_').replace(/^_+|_+$/g, '') || 'my_motion';
const verbs = () => $('verbs').value.toLowerCase().split(/[^a-z_]+/).filter(Boolean);
const templateText = () => writeTemplate({ name: templateName(), verbs: verbs(), rows, names, primitives });

function paintText() {
  $('text').textContent = rows.size ? templateText() : 'Choose who moves, and how.';
  $('save').disabled = $('copy').disabled = rows.size === 0;
}

$('replay').addEventListener('click', play);
$('name').addEventListener('input', paintText);
$('verbs').addEventListener('input', paintText);
$('save').addEventListener('click', () => {
  const name = `${templateName()}.motion`;
  handOver(new Blob([templateText()], { type: 'text/plain' }), name);
  say(`Saved ${name}.`);
});
$('copy').addEventListener('click', async () => {
  try {
    await navigator.clipboard.writeText(templateText());
    say('The template is copied.');
  } catch {
    getSelection().selectAllChildren($('text'));
    say('The browser does not let this page copy; the text is selected.');
  }
});
$('clear').addEventListener('click', () => {
  rows.clear();
  paintRows();
  paintParameters();
  play();
});
$('motions').addEventListener('change', () => {
  $('reading').textContent = engine.motionText($('motions').value);
});
$('play').addEventListener('click', () => {
  engine.move($('motions').value, '', 1, 1);
  stage.wake();
});

// ---- Looking

let turning = false;
const look = useHands(stage, $('stage'), {
  picked(part) {
    if (part) $('rows').querySelectorAll('button')[part]?.click();
  },
  turned() {
    turning = !turning;
    engine.turn(turning);
    stage.wake();
  },
});
$('stage').addEventListener('keydown', look);
$('say').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('word').value.trim();
  if (text) make(text);
});
calm.addEventListener('change', () => engine?.still(calm.matches));

// ---- Beginning

async function openEngine() {
  engine = await stage.open({ side: 128, still: calm.matches, lower: false });
  window.lumenEngine = engine;
  engine.turn(false);
}

await openEngine();
if (!engine.primitives || !engine.make) {
  say(`${stage.trouble} The lab needs it to show how things move.`, true);
} else {
  primitives = engine.primitives();
  const option = (value, words) => Object.assign(document.createElement('option'), { value, textContent: words });
  $('primitive').replaceChildren(option('', 'not at all'), ...primitives.map(({ id, name }) => option(id, plain(name))));
  $('motions').replaceChildren(...engine.motions().map((name) => option(name, plain(name))));
  $('reading').textContent = engine.motionText($('motions').value);
  const asked = readLink(location.hash).text;
  if (asked) $('word').value = asked;
  make($('word').value);
}
