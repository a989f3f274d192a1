// Looking around: drag, wheel, pinch, keys. The pointer also pushes particles aside, and a click asks for a part.

const TURN = 0.008; // radians for a pixel
const STEP = 0.12; // radians for a key
const CLICK = 6; // pixels that a finger may shake within a click

export function useHands(stage, host, { picked, turned }) {
  const fingers = new Map();
  let way = 0; // how far the first finger went, in pixels
  const spread = () => {
    const [a, b] = [...fingers.values()];
    return Math.hypot(a.x - b.x, a.y - b.y) || 1;
  };
  const look = (right, up, factor = 1) => {
    stage.engine?.orbit(right, up);
    if (factor !== 1) stage.engine?.zoom(factor);
    stage.wake();
  };
  const push = (event, present) => {
    stage.engine?.pointer(...stage.point(event), present);
    stage.wake();
  };

  host.addEventListener('pointerdown', (event) => {
    if (!stage.engine || event.button > 0) return;
    host.setPointerCapture(event.pointerId);
    if (fingers.size === 0) way = 0;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    push(event, false);
  });
  host.addEventListener('pointermove', (event) => {
    const finger = fingers.get(event.pointerId);
    if (!stage.engine) return;
    if (!finger) return push(event, true);
    const before = fingers.size === 2 ? spread() : 0;
    const [x, y] = [event.clientX - finger.x, event.clientY - finger.y];
    Object.assign(finger, { x: event.clientX, y: event.clientY });
    way += Math.hypot(x, y);
    if (before) look(0, 0, spread() / before);
    else if (fingers.size === 1 && way > CLICK) look(x * TURN, y * TURN);
  });
  host.addEventListener('pointerup', (event) => {
    if (fingers.size === 1 && fingers.has(event.pointerId) && way <= CLICK && stage.engine)
      picked(stage.engine.partAt(...stage.point(event)), event);
  });
  for (const end of ['pointerup', 'pointercancel', 'lostpointercapture'])
    host.addEventListener(end, (event) => {
      if (fingers.size > 1) way = Infinity; // the end of a pinch is no click
      fingers.delete(event.pointerId);
    });
  host.addEventListener('pointerleave', (event) => stage.engine && push(event, false));
  host.addEventListener('wheel', (event) => {
    event.preventDefault();
    look(0, 0, Math.exp(-event.deltaY * (event.deltaMode ? 0.04 : 0.0015)));
  }, { passive: false });

  const keys = {
    ArrowLeft: () => look(-STEP, 0),
    ArrowRight: () => look(STEP, 0),
    ArrowUp: () => look(0, -STEP),
    ArrowDown: () => look(0, STEP),
    '+': () => look(0, 0, 1.12),
    '=': () => look(0, 0, 1.12),
    '-': () => look(0, 0, 1 / 1.12),
    0: () => {
      stage.engine?.lookAgain();
      stage.wake();
    },
    ' ': () => turned(),
  };

  // Whether the key was one of those.
  return (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !Object.hasOwn(keys, event.key)) return false;
    event.preventDefault();
    keys[event.key]();
    return true;
  };
}
