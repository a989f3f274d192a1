// Lumen in WebAssembly (src/browser/browser.h), as the page uses it. The only file that touches that module.
//
//     const engine = await openEngine(canvas, { side: 128, still: false });
//     const shape = engine.make('a horse galloping');
//     engine.show(shape);
//     requestAnimationFrame(function draw(now) { engine.frame(now / 1000); requestAnimationFrame(draw); });
//
// A shape: { facts, positions: Float32Array(3n), parts: Uint8Array(n) } and, where it has them, attachments:
// Float32Array(n), colors: Uint8Array(3n), normals: Float32Array(3n). Its arrays are copies that the page may keep. Its
// facts have the names of the service's JSON.

import openModule from './lumen.js';

const QUALITIES = { standard: 0, fast: 1, high: 2 };
const FORMATS = { ply: 0, glb: 1, stl: 2 };
const ARRAYS = { attachments: 1, colors: 2, normals: 4, partColors: 8 };
const TEXTS = ['text', 'subject', 'concept', 'verb', 'template_type', 'motion', 'pipeline', 'key'];
const PARTS_MAX = 32;
const PHASES = ['idle', 'dissolve', 'reform', 'settle', 'move'];
const ROW_FLOATS = 16;
const NO_MEMORY = 'This browser has no memory left for the sculptor; close some pages.';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

// What a context is asked for: depth, by which the near side hides the far one; discs are smooth by themselves.
const CONTEXT = { alpha: false, antialias: false, depth: true, stencil: false };

// Opens the engine on a canvas that has no context yet. Options: side (side * side particles, 128 where nothing is said),
// still (reduced motion), lower (do without float targets), woken (called when the picture must be drawn again for a
// reason that the page does not know: the browser took the context away and gave another).
//
// Rejects with an Error whose message a person can read. With null for a canvas there is no picture; all that makes
// shapes and files works.
export async function openEngine(canvas, { side = 128, still = false, lower = false, woken = () => {} } = {}) {
  let module;
  try {
    module = await openModule();
  } catch (fault) {
    // Browsers without vectors of 128 bits refuse the module: Chrome before 91, Firefox before 89, Safari before 16.4.
    const reason = fault instanceof WebAssembly.CompileError ? 'this browser is too old for it' : fault.message || fault;
    throw new Error(`The sculptor could not be loaded: ${reason}. Reload the page, or take a newer browser.`);
  }
  const handle = module._browser_open();
  if (!handle) throw new Error(NO_MEMORY);
  const engine = new Engine(module, handle);
  try {
    engine.check();
    if (canvas) engine.see(canvas, { side, still, lower, woken });
    // Browsers compile what runs, when it runs: the first word would take some ten times as long as the second.
    (window.requestIdleCallback || setTimeout)(() => engine.warmUp());
    return engine;
  } catch (fault) {
    engine.close();
    throw fault;
  }
}

class Engine {
  #module;
  #browser;
  #canvas = null;
  #listeners = [];
  #options = {};
  #state = { shape: null, size: null, still: null, trueColors: false, turn: null, highlight: 0 }; // for another context
  #samples = { at: 0, room: 0 };
  #primitives = null;

  constructor(module, browser) {
    this.#module = module;
    this.#browser = browser;
  }

  // Gives all memory back.
  close() {
    if (!this.#browser) return;
    for (const [name, call] of this.#listeners) this.#canvas.removeEventListener(name, call);
    this.#module._free(this.#samples.at);
    this.#module._browser_close(this.#browser);
    this.#browser = 0;
    this.#canvas = null;
  }

  warmUp() {
    if (this.#browser) this.make('horse');
  }

  // Throws what the last call complained about.
  check() {
    const message = this.#text(this.#module._browser_message(this.#browser));
    if (message) throw new Error(`${message[0].toUpperCase()}${message.slice(1)}.`);
  }

  // ---- The canvas

  see(canvas, options) {
    this.#canvas = canvas;
    this.#options = options;
    this.#state.still = options.still;
    this.#open();
    const listen = (name, call) => {
      canvas.addEventListener(name, call);
      this.#listeners.push([name, call]);
    };
    // A context may be lost at any time (a driver is updated, a laptop changes its graphics card) and comes back only to
    // those who prevent the default.
    listen('webglcontextlost', (event) => {
      event.preventDefault();
      this.#module._browser_look_away(this.#browser);
    });
    listen('webglcontextrestored', () => this.#again());
  }

  #open() {
    const { side, still, lower } = this.#options;
    this.#module.context = this.#canvas.getContext('webgl2', CONTEXT);
    if (!this.#module.context)
      throw new Error('This browser shows no WebGL 2. Switch hardware acceleration on, or take a newer browser.');
    if (!this.#module._browser_see(this.#browser, side, still, lower)) this.check();
  }

  // Everything as it was, but for the camera.
  #again() {
    try {
      this.#open();
    } catch (fault) {
      return; // the canvas stays empty; shapes and files still work
    }
    const { shape, size, still, trueColors, turn, highlight } = this.#state;
    if (size) this.resize(...size);
    this.still(still);
    this.trueColors(trueColors);
    if (turn !== null) this.turn(turn);
    if (shape) this.show(shape);
    this.highlight(highlight);
    this.#options.woken();
  }

  resize(width, height, ratio) {
    this.#state.size = [width, height, ratio];
    this.#module._browser_resize(this.#browser, width, height, ratio);
  }

  // ---- What is shown

  show(shape) {
    this.#module._browser_show(this.#browser, this.#draft(shape));
    this.#state.shape = shape;
  }

  // A better shape of the same text: no dissolve.
  refine(shape) {
    this.#module._browser_refine(this.#browser, this.#draft(shape));
    this.#state.shape = shape;
  }

  rest() {
    this.#module._browser_rest(this.#browser);
    this.#state.shape = null;
  }

  move(template, verb = '', tempo = 1, size = 1) {
    this.#withText(template, (templateAt) => this.#withText(verb, (verbAt) =>
      this.#module._browser_move(this.#browser, templateAt, verbAt, tempo, size)));
  }

  // Draws. True when the next frame will differ from this one.
  frame(seconds) {
    return this.#module._browser_frame(this.#browser, seconds) !== 0;
  }

  phase() {
    return PHASES[this.#module._browser_phase(this.#browser)];
  }

  // ---- The one who looks

  orbit(right, up) {
    this.#module._browser_orbit(this.#browser, right, up);
  }

  zoom(factor) {
    this.#module._browser_zoom(this.#browser, factor);
  }

  lookAgain() {
    this.#module._browser_look_again(this.#browser);
  }

  turn(turning) {
    this.#state.turn = turning;
    this.#module._browser_turn(this.#browser, turning);
  }

  pointer(x, y, present) {
    this.#module._browser_pointer(this.#browser, x, y, present);
  }

  highlight(part) {
    this.#state.highlight = part;
    this.#module._browser_highlight(this.#browser, part);
  }

  partAt(x, y) {
    return this.#module._browser_part_at(this.#browser, x, y);
  }

  trueColors(wanted) {
    this.#state.trueColors = wanted;
    this.#module._browser_true_colors(this.#browser, wanted);
  }

  still(still) {
    this.#state.still = still;
    this.#module._browser_still(this.#browser, still);
  }

  // [[red, green, blue], ...] of the parts that are shown, as they are drawn.
  partColors() {
    const { shape } = this.#state;
    return (shape?.facts.part_names || []).map((_, index) => {
      const color = this.#module._browser_part_color(this.#browser, index + 1);
      return [color >> 16, (color >> 8) & 255, color & 255];
    });
  }

  // ---- For tests and captions

  facts() {
    if (!this.#module._browser_viewer_facts(this.#browser)) this.check();
    const memoryBytes = this.#module._browser_memory();
    return { ...this.#json(), memoryBytes, version: this.#text(this.#module._browser_version()) };
  }

  // Where the particles are now, and their parts. Slow.
  read() {
    const { particles } = this.facts();
    const at = this.#module._browser_read(this.#browser);
    if (!at) {
      this.check();
      throw new Error('Nothing is drawn here that could be read.');
    }
    const parts = at + 12 * particles;
    return {
      positions: this.#module.HEAPF32.slice(at >> 2, (at >> 2) + 3 * particles),
      parts: this.#module.HEAPU8.slice(parts, parts + particles),
    };
  }

  // ---- Motion

  // The names of the motion templates.
  motions() {
    if (!this.#module._browser_motions(this.#browser)) this.check();
    return this.#json();
  }

  // The text of a template, as docs/motion.md describes it; '' for none of that name.
  motionText(name) {
    const blocks = this.#text(this.#module._browser_motion_templates()).split(/^(?=motion )/m);
    const block = blocks.find((one) => one.split(/\s+/, 2)[1] === name && one.startsWith('motion '));
    return block ? `${block.replace(/^#.*$/gm, '').trimEnd()}\n` : '';
  }

  // What the primitives are called, do and take.
  primitives() {
    if (!this.#primitives) {
      if (!this.#module._browser_primitives(this.#browser)) this.check();
      this.#primitives = this.#json();
    }
    return this.#primitives;
  }

  // Shows a plan made by hand: [{ row: 0..32, primitive: id, amplitude, phase, ... }]. What is not named has its usual
  // value, rows that are not named do not move.
  plan(rows) {
    const module = this.#module;
    module._browser_plan_clear(this.#browser);
    for (const { row, primitive, ...values } of rows) {
      const at = module._browser_plan_row(this.#browser, row, primitive);
      if (!at) throw new Error(`There is no row ${row} or no primitive ${primitive}.`);
      const floats = module.HEAPF32.subarray(at >> 2, (at >> 2) + ROW_FLOATS);
      for (const { name, place } of this.primitives()[primitive].parameters)
        if (Number.isFinite(values[name])) floats[place] = values[name];
    }
    module._browser_plan_show(this.#browser);
  }

  // ---- Voice

  // Takes samples of the microphone, and gives what is heard to the sculpture. Nothing of them is kept.
  hear(samples, rate) {
    const module = this.#module;
    if (samples.length > this.#samples.room) {
      module._free(this.#samples.at);
      this.#samples = { at: module._malloc(4 * samples.length), room: samples.length };
      if (!this.#samples.at) {
        this.#samples.room = 0;
        throw new Error(NO_MEMORY);
      }
    }
    module.HEAPF32.set(samples, this.#samples.at >> 2);
    const at = module._browser_hear(this.#browser, this.#samples.at, samples.length, rate) >> 2;
    if (!at) this.check();
    const [loudness, pitch, brightness, onset] = module.HEAPF32.subarray(at, at + 4);
    return { loudness, pitch, brightness, onset };
  }

  // The microphone is off.
  deaf() {
    this.#module._browser_deaf(this.#browser);
  }

  // ---- Shapes

  // Makes the shape of a text here and now, with the procedural engine.
  make(text, { verb = '', points = 0, seed = 0, quality = 'standard' } = {}) {
    const request = { text, verb, points, seed, quality };
    return this.#withShape(request, (shape) => this.#copy(shape, request));
  }

  // The bytes of a file: what the engine has made is made again, and anything else is written from its points, which is
  // enough for 'ply' alone.
  file(shape, format) {
    if (!(format in FORMATS)) throw new Error(`There is no format ${format}; use ply, glb or stl.`);
    const { facts } = shape;
    const write = (made) => {
      if (!this.#module._browser_file(this.#browser, made, FORMATS[format])) this.check();
      return this.#bytes();
    };
    if (facts.pipeline === 'procedural') {
      const again = { text: facts.text, verb: facts.verb, points: shape.parts.length, seed: facts.seed };
      return this.#withShape(shape.request || { ...again, quality: 'standard' }, write);
    }
    if (format !== 'ply') throw new Error(`The meshes of this shape are with the service; fetch the ${format} there.`);
    return write(this.#draft(shape));
  }

  // ---- The border

  #text(address) {
    const bytes = this.#module.HEAPU8;
    return decoder.decode(bytes.subarray(address, bytes.indexOf(0, address)));
  }

  #bytes() {
    const start = this.#module._browser_bytes(this.#browser);
    return this.#module.HEAPU8.slice(start, start + this.#module._browser_bytes_size(this.#browser));
  }

  #json() {
    return JSON.parse(decoder.decode(this.#bytes()));
  }

  // Calls `use` with the address of a text, which is freed behind it.
  #withText(text, use) {
    const bytes = encoder.encode(text);
    const address = this.#module._malloc(bytes.length + 1);
    if (!address) throw new Error(NO_MEMORY);
    try {
      this.#module.HEAPU8.set(bytes, address);
      this.#module.HEAPU8[address + bytes.length] = 0;
      return use(address);
    } finally {
      this.#module._free(address);
    }
  }

  #withShape({ text, verb, points, seed, quality }, use) {
    if (!(quality in QUALITIES)) throw new Error(`There is no quality ${quality}; use fast, standard or high.`);
    if (!Number.isSafeInteger(seed) || seed < 0) throw new Error('The seed is a whole number from 0 to 2^53 - 1.');
    if (!Number.isInteger(points) || points < 0 || points > 65536) throw new Error('The points are 256 to 65536.');
    if (`${text}${verb}`.includes('\0')) throw new Error('A text holds no zero character.');
    const shape = this.#withText(String(text), (textAt) => this.#withText(String(verb || ''), (verbAt) =>
      this.#module._browser_make(this.#browser, textAt, verbAt, points, seed, QUALITIES[quality])));
    if (!shape) this.check();
    try {
      return use(shape);
    } finally {
      this.#module._browser_free(shape);
    }
  }

  // The addresses of a shape's arrays, in the order of browser_arrays.
  #arrays(shape) {
    const at = this.#module._browser_arrays_of(this.#browser, shape) >> 2;
    const [points, parts, positions, partIds, attachments, colors, normals, partColors] =
      this.#module.HEAPU32.subarray(at, at + 8);
    return { points, parts, positions, partIds, attachments, colors, normals, partColors };
  }

  #copy(shape, request) {
    if (!this.#module._browser_facts(this.#browser, shape)) this.check();
    const facts = this.#json();
    const { points, positions, partIds, attachments, colors, normals } = this.#arrays(shape);
    const reals = (at, count) => at ? this.#module.HEAPF32.slice(at >> 2, (at >> 2) + count) : undefined;
    const bytes = (at, count) => at ? this.#module.HEAPU8.slice(at, at + count) : undefined;
    return {
      facts,
      request,
      positions: reals(positions, 3 * points),
      parts: bytes(partIds, points),
      attachments: reals(attachments, points),
      colors: bytes(colors, 3 * points),
      normals: reals(normals, 3 * points),
    };
  }

  // A shape of the page inside the module; it lives until the next one.
  #draft({ facts, positions, parts, attachments, colors, normals }) {
    const module = this.#module;
    const names = facts.part_names || [];
    const partColors = colorBytes(facts.part_colors, names.length);
    const given = { attachments, colors, normals, partColors };
    const arrays = Object.keys(ARRAYS).reduce((sum, name) => sum + (given[name] ? ARRAYS[name] : 0), 0);
    const count = parts.length;
    if (names.length > PARTS_MAX || positions.length !== 3 * count || parts.some((part) => part > names.length))
      throw new Error('The arrays of the shape do not fit each other.');
    const draft = module._browser_draft(this.#browser, count, names.length, arrays);
    if (!draft) this.check();
    const at = this.#arrays(draft);
    module.HEAPF32.set(positions, at.positions >> 2);
    module.HEAPU8.set(parts, at.partIds);
    if (attachments) module.HEAPF32.set(attachments.subarray(0, count), at.attachments >> 2);
    if (colors) module.HEAPU8.set(colors.subarray(0, 3 * count), at.colors);
    if (normals) module.HEAPF32.set(normals.subarray(0, 3 * count), at.normals >> 2);
    if (partColors) module.HEAPU8.set(partColors, at.partColors);
    const motion = facts.motion || { template: 'idle', tempo: 1, size: 1 };
    const texts = TEXTS.map((name) => (name === 'motion' ? motion.template : facts[name])).concat(names);
    texts.forEach((text, which) => this.#withText(String(text || ''), (address) => {
      if (!module._browser_draft_text(this.#browser, which, address)) throw new Error('The shape has too many words.');
    }));
    module._browser_draft_numbers(this.#browser, Number(facts.seed) || 0, motion.tempo, motion.size);
    return draft;
  }
}

// ['#rrggbb', ...] as bytes; undefined when there is not one for each part.
function colorBytes(colors, count) {
  if (!colors || !count || colors.length !== count || !colors.every((color) => /^#[0-9a-f]{6}$/i.test(color)))
    return undefined;
  return Uint8Array.from(colors.flatMap((color) => [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16))));
}
