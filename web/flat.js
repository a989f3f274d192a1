// Where WebGL 2 is missing: the same shape as plain points in a 2D canvas. It answers the calls of the engine that show
// something; nothing moves by itself. `maker` is an engine without a picture, which still makes shapes, or null.

const PALETTE = ['#74b9ff', '#ffb45e', '#7fe3b4', '#ff819f', '#c29dff', '#f1e07c', '#5fd6e6', '#ff9b73'];
const EYE = 3.6; // from the eye to the middle of the shape, whose half length is 1
const START = { yaw: 0.6, pitch: 0.2, zoom: 1 };

const rgb = (color) => [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));

// Light cannot be dark: a black cat is drawn in a dim gray.
const lift = (color) => {
  const top = Math.max(...color);
  return color.map((value) => (top < 130 ? value + 130 - top : value));
};

function ring() {
  const positions = Float32Array.from({ length: 3 * 1500 }, (_, i) => {
    const [point, axis] = [Math.floor(i / 3), i % 3];
    const around = (point / 1500) * 2 * Math.PI;
    const across = point * 2.39996;
    const wide = 0.8 + 0.1 * Math.cos(across) * ((point * 0.618034) % 1);
    return axis === 2 ? 0.1 * Math.sin(across) : wide * (axis === 0 ? Math.cos(around) : Math.sin(around));
  });
  return { facts: { part_names: [] }, positions, parts: new Uint8Array(1500) };
}

export function openFlat(canvas, maker) {
  const pen = canvas.getContext('2d');
  const size = { width: 1, height: 1, ratio: 1 };
  const look = { ...START };
  let shape = ring();
  let fit = 1; // a shape whose corners reach far out is drawn smaller
  let lit = 0;
  let natural = false;
  let frames = 0;

  const colorOf = (part) => {
    if (part === 0) return [159, 184, 224];
    const own = natural && shape.facts.part_colors?.[part - 1];
    return /^#[0-9a-f]{6}$/i.test(own || '') ? lift(rgb(own)) : rgb(PALETTE[(part - 1) % PALETTE.length]);
  };

  // Calls `point(x, y, part, nearness)` for each point, in pixels.
  function project(point) {
    const { positions, parts } = shape;
    const [cosY, sinY, cosP, sinP] = [Math.cos(look.yaw), Math.sin(look.yaw), Math.cos(look.pitch), Math.sin(look.pitch)];
    const scale = 0.4 * Math.min(size.width, size.height) * fit * look.zoom * EYE;
    for (let i = 0; i < parts.length; i++) {
      const [x, y, z] = [positions[3 * i], positions[3 * i + 1], positions[3 * i + 2]];
      const deep = z * cosY - x * sinY;
      const near = deep * cosP + y * sinP; // toward the eye
      const pace = scale / Math.max(0.2, EYE - near);
      point(size.width / 2 + (x * cosY + z * sinY) * pace, size.height / 2 - (y * cosP - deep * sinP) * pace, parts[i], near);
    }
  }

  const show = (next) => {
    shape = next;
    lit = 0;
    let reach = 1;
    for (let i = 0; i < next.positions.length; i += 3) reach = Math.max(reach, Math.hypot(...next.positions.subarray(i, i + 3)));
    fit = 1 / reach;
  };

  return {
    make: maker ? (text, options) => maker.make(text, options) : undefined,
    file: maker ? (one, ending) => maker.file(one, ending) : undefined,
    show,
    refine: show,
    rest: () => show(ring()),
    move() {},
    resize: (width, height, ratio) => Object.assign(size, { width, height, ratio }),
    orbit(right, up) {
      look.yaw += right;
      look.pitch = Math.min(1.5, Math.max(-1.5, look.pitch + up));
    },
    zoom: (factor) => { look.zoom = Math.min(5, Math.max(0.4, look.zoom * factor)); },
    lookAgain: () => Object.assign(look, START),
    turn() {},
    pointer() {},
    highlight: (part) => { lit = part; },
    trueColors: (wanted) => { natural = wanted; },
    still() {},
    partColors: () => shape.facts.part_names.map((_, index) => colorOf(index + 1)),
    partAt(x, y) {
      const found = { part: 0, near: -Infinity };
      project((px, py, part, near) => {
        if (Math.hypot(px - x, py - y) < 6 * size.ratio && near > found.near) Object.assign(found, { part, near });
      });
      return found.part;
    },
    phase: () => (shape.facts.part_names.length ? 'move' : 'idle'),
    facts: () => ({ particles: shape.parts.length, floatTargets: false, frameCpuMs: 0, frames, version: 'flat' }),
    read: () => ({ positions: shape.positions.slice(), parts: shape.parts.slice() }),
    hear: (samples, rate) => maker?.hear(samples, rate) ?? { loudness: 0, pitch: 0, brightness: 0, onset: 0 },
    deaf: () => maker?.deaf(),
    frame() {
      frames++;
      pen.globalCompositeOperation = 'source-over';
      pen.fillStyle = '#06080d';
      pen.fillRect(0, 0, size.width, size.height);
      pen.globalCompositeOperation = 'lighter';
      const inks = Array.from({ length: 33 }, (_, part) => `rgb(${colorOf(part).join()})`);
      const side = Math.max(1.5, 1.6 * size.ratio);
      project((x, y, part, near) => {
        pen.globalAlpha = (lit && part !== lit ? 0.15 : 0.75) * Math.min(1, 0.65 + 0.35 * near);
        pen.fillStyle = inks[part];
        pen.fillRect(x - side / 2, y - side / 2, side, side);
      });
      pen.globalAlpha = 1;
      return false;
    },
    close() {},
  };
}
