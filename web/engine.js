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

const encoder = new TextEncoder();
const decoder = new TextDecoder();

// Rejects with an Error whose message a person can read. With no canvas there is no picture; make and file work.
export async function openEngine(canvas, options = {}) {
  let module;
  try {
    module = await openModule();
  } catch (fault) {
    throw new Error(`The sculptor could not be loaded (${fault.message || fault}); reload the page.`);
  }
  const handle = module._browser_open();
  if (!handle) throw new Error('This browser has no memory left for the sculptor; close some pages.');
  const engine = new Engine(module, handle);
  const message = engine.message();
  if (message) {
    engine.close();
    throw new Error(message);
  }
  return engine;
}

class Engine {
  #module;
  #browser;

  constructor(module, browser) {
    this.#module = module;
    this.#browser = browser;
  }

  // Gives all memory back.
  close() {
    if (this.#browser) this.#module._browser_close(this.#browser);
    this.#browser = 0;
  }

  message() {
    return this.#text(this.#module._browser_message(this.#browser));
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
      if (!this.#module._browser_file(this.#browser, made, FORMATS[format])) throw new Error(this.message());
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

  // Calls `use` with the address of a text, which is freed behind it.
  #withText(text, use) {
    const bytes = encoder.encode(text);
    const address = this.#module._malloc(bytes.length + 1);
    if (!address) throw new Error('This browser has no memory left for the sculptor; close some pages.');
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
    if (!shape) throw new Error(this.message());
    try {
      return use(shape);
    } finally {
      this.#module._browser_free(shape);
    }
  }

  // The addresses of a shape's arrays, in the order of browser_arrays.
  #look(shape) {
    const at = this.#module._browser_look(this.#browser, shape) >> 2;
    const [points, parts, positions, partIds, attachments, colors, normals, partColors] =
      this.#module.HEAPU32.subarray(at, at + 8);
    return { points, parts, positions, partIds, attachments, colors, normals, partColors };
  }

  #copy(shape, request) {
    if (!this.#module._browser_facts(this.#browser, shape)) throw new Error(this.message());
    const facts = JSON.parse(decoder.decode(this.#bytes()));
    const { points, positions, partIds, attachments, colors, normals } = this.#look(shape);
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
    if (!draft) throw new Error(this.message());
    const at = this.#look(draft);
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
