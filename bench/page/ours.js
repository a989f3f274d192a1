// Lumen's engine for bench/page.py: opened at one size, frame after frame, each waited for. What it draws with (the
// camera, the size of the discs) is seen by listening to its calls of WebGL, so that the peer can draw the same.
import { openEngine } from '/engine/engine.js';

const canvas = document.getElementById('canvas');
const pixel = new Uint8Array(4);
const uniforms = {}; // what the program "light" was last given, by name
const skipped = new Set(); // programs whose draws are left out, to see what they cost
let engine;
let gl;
let seconds = 0;

// Programs are told apart by what is in their shaders.
function kindOf(sources) {
  const text = sources.join('\n');
  if (text.includes('motion_noise_curl(1.6')) return 'velocity';
  if (text.includes('velocities_after')) return 'position';
  if (text.includes('#define VEIL')) return 'veil';
  if (text.includes('#define GLOW')) return 'glow';
  if (text.includes('#define PART')) return 'part';
  if (text.includes('uniform float focal')) return 'light';
  return 'background';
}

function listen(context) {
  const kinds = new Map();
  const names = new Map();
  const sources = new Map();
  let kind = '';
  const wrap = (name, before) => {
    const own = context[name].bind(context);
    context[name] = (...given) => (before(...given) === false ? undefined : own(...given));
  };
  wrap('shaderSource', (shader, text) => { sources.set(shader, text); });
  wrap('attachShader', (program, shader) => {
    kinds.set(program, [...(kinds.get(program) || []), sources.get(shader)]);
  });
  wrap('useProgram', (program) => { kind = program ? kindOf(kinds.get(program) || []) : ''; });
  const locate = context.getUniformLocation.bind(context);
  context.getUniformLocation = (program, name) => {
    const place = locate(program, name);
    if (place) names.set(place, name);
    return place;
  };
  for (const name of ['uniform1f', 'uniform1i', 'uniform3f'])
    wrap(name, (place, ...values) => { if (kind === 'light') uniforms[names.get(place)] = values; });
  wrap('uniformMatrix4fv', (place, _, values, start = 0, length = 16) => {
    if (kind === 'light') uniforms[names.get(place)] = [...values.slice(start, start + length)];
  });
  wrap('drawArrays', () => !skipped.has(kind));
}

// Opens it; `watched` only for finding out: listening costs time.
window.start = async ({ side, width, height, text, watched }) => {
  canvas.width = width;
  canvas.height = height;
  if (watched) {
    const own = canvas.getContext.bind(canvas);
    canvas.getContext = (...given) => {
      const context = own(...given);
      if (context && !gl) listen(context);
      gl = context;
      return context;
    };
  }
  engine = await openEngine(canvas, { side });
  gl = canvas.getContext('webgl2');
  engine.resize(width, height, 1);
  engine.turn(false);
  if (text) engine.show(engine.make(text));
  // Until the shape stands: 1.5 seconds, and the motion has begun.
  for (let i = 0; i < 18; i++) engine.frame((seconds += 0.1));
  return engine.facts();
};

function wait() {
  gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
}

// Milliseconds of each of `count` frames: as a whole, and of its own JavaScript and WebAssembly.
window.measure = (count) => {
  const whole = [];
  const own = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    engine.frame((seconds += 1 / 60));
    const called = performance.now();
    wait();
    whole.push(performance.now() - start);
    own.push(called - start);
  }
  return { whole, own };
};

window.skip = (...kinds) => {
  skipped.clear();
  kinds.forEach((kind) => skipped.add(kind));
};

// The scene for the peer: where the particles are, and the camera and size of discs of the last frame.
window.scene = () => ({ uniforms, positions: Array.from(engine.read().positions) });
window.ready = true;
