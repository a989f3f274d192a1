// The stage: the canvas, the engine in it, and the loop that calls it. The loop runs only as long as the next picture
// differs from this one, and not while the page is out of sight: quiet on the machine. Where graphics are made by the
// processor a frame takes longer than a turn of the screen; then no second one is asked for before the first is there,
// and while somebody types the machine is kept free for what comes next.

import { openEngine } from './engine.js';
import { openFlat } from './flat.js';

const SLOW = 20; // milliseconds: a frame that took longer was made by the processor
const TYPING = 600; // milliseconds that a pause between two letters may last

const RATIO_MOST = 2; // finer screens get no finer picture: nobody sees it, and it costs four times as much

export class Stage {
  #host;
  #canvas = null;
  #pending = 0;
  #openings = 0;
  #gl = null;
  #fence = null; // passed when the last frame is there
  #asked = 0; // when it was asked for
  #took = 0; // how long the one before took
  #typed = -Infinity;
  #watch = new ResizeObserver(() => this.#measure());

  engine = null;
  trouble = ''; // why there is less than usual, in words
  before = new Set(); // called before each frame; what returns true keeps the loop running
  after = new Set(); // called after each frame, while the picture is there

  // `host` is the element that the canvas fills.
  constructor(host) {
    this.#host = host;
    this.#watch.observe(host);
    document.addEventListener('visibilitychange', () => this.wake());
  }

  get canvas() {
    return this.#canvas;
  }

  // Opens the engine, with what is left where the browser lacks something: without WebGL 2 a flat picture, without
  // WebAssembly a flat picture of what a service makes. May be called again, for another number of particles.
  async open(options) {
    const mine = ++this.#openings;
    this.engine?.close();
    this.engine = null;
    this.trouble = '';
    let engine;
    if (typeof WebAssembly === 'undefined') {
      this.trouble = 'This browser does without WebAssembly, so shapes come from the service alone and are drawn flat. Allow it for this page, or take a newer browser.';
      engine = openFlat(this.#renew(), null);
    } else {
      engine = await openEngine(this.#renew(), { ...options, woken: () => this.wake() }).catch(async (fault) => {
        this.trouble = fault.message;
        return openFlat(this.#renew(), await openEngine(null).catch(() => null));
      });
    }
    // Only the latest stays.
    if (mine === this.#openings) {
      this.engine = engine;
      this.#gl = this.#canvas.getContext('webgl2');
      this.#fence = null;
    } else engine.close();
    this.#measure();
    return this.engine;
  }

  // A canvas that has had a context cannot get another.
  #renew() {
    this.#canvas = document.createElement('canvas');
    this.#host.replaceChildren(this.#canvas);
    return this.#canvas;
  }

  // A canvas is emptied by a new size, so the picture is drawn again at once.
  #measure() {
    if (!this.engine) return;
    const ratio = Math.min(RATIO_MOST, devicePixelRatio || 1);
    const [width, height] = [this.#host.clientWidth, this.#host.clientHeight].map((length) => Math.max(1, Math.round(length * ratio)));
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
    this.engine.resize(width, height, ratio);
    this.#frame(performance.now());
  }

  // From pixels of the page to those of the canvas.
  point(event) {
    const box = this.#canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * this.#canvas.width / box.width, (event.clientY - box.top) * this.#canvas.height / box.height];
  }

  // Something changed: draw.
  wake() {
    if (!this.#pending && !document.hidden && this.engine) this.#pending = requestAnimationFrame((time) => this.#turn(time));
  }

  // Whether the picture stays as it is.
  get rests() {
    return !this.#pending;
  }

  // A letter was typed.
  typing() {
    this.#typed = performance.now();
  }

  // Whether the frame before is there, and nothing more urgent than the next one.
  #free() {
    if (!this.#gl) return true;
    const now = performance.now();
    if (this.#fence) {
      if (!this.#gl.isContextLost() && this.#gl.getSyncParameter(this.#fence, this.#gl.SYNC_STATUS) !== this.#gl.SIGNALED) return false;
      this.#gl.deleteSync(this.#fence);
      this.#fence = null;
      this.#took = now - this.#asked;
    }
    return this.#took < SLOW || now - this.#typed > TYPING;
  }

  // Draws what was just asked for without waiting for the screen's next turn.
  now() {
    this.#typed = -Infinity;
    if (!document.hidden) this.#frame(performance.now());
  }

  #turn(time) {
    this.#pending = 0;
    if (this.#free()) this.#frame(time);
    else this.wake();
  }

  #frame(time) {
    cancelAnimationFrame(this.#pending);
    this.#pending = 0;
    if (!this.engine) return;
    let again = false;
    for (const call of this.before) again = call() || again;
    this.#asked = performance.now();
    again = this.engine.frame(time / 1000) || again;
    for (const call of this.after) call();
    if (!again) {
      this.#fence = null; // how long it takes is not seen while nobody looks
      return;
    }
    if (this.#gl && !this.#fence) this.#fence = this.#gl.fenceSync(this.#gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    this.wake();
  }
}
