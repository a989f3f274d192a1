// A motion as text, in the language of data/motion (docs/motion.md):
//
//     motion my_motion
//       verbs trot canter
//       body : oscillate_translate axis y amplitude 0.1
//       part front_legs : oscillate_bend at joint amplitude 0.5 frequency 2
//
// Only what differs from the usual is written.

const number = (value) => String(Number(value.toFixed(3)));
const RESERVED = ['in', 'with', 'without'];

function axisText(values, usual) {
  const axis = ['x', 'y', 'z'].map((name) => values[`axis_${name}`]);
  if (['x', 'y', 'z'].every((name, k) => axis[k] === usual[`axis_${name}`]) || Math.hypot(...axis) < 0.001) return '';
  const along = axis.findIndex((value) => Math.abs(value) > 0.001);
  const single = axis.every((value, k) => k === along || Math.abs(value) <= 0.001);
  return single ? ` axis ${axis[along] < 0 ? '-' : ''}${'xyz'[along]}` : ` axis ${axis.map(number).join(' ')}`;
}

// One movement behind its colon. `place` is where it pivots, "" for the usual.
export function writeMovement({ name, parameters }, values, place) {
  const usual = Object.fromEntries(parameters.map((parameter) => [parameter.name, parameter.usual]));
  const has = (parameter) => Object.hasOwn(usual, parameter);
  let text = name;
  if (has('axis_x')) text += axisText(values, usual);
  if (has('pivot_x') && place) text += ` at ${place}`;
  for (const parameter of parameters)
    if (!parameter.name.includes('_') && values[parameter.name] !== parameter.usual)
      text += ` ${parameter.name} ${number(values[parameter.name])}`;
  return text;
}

// `rows` maps row numbers (0: the whole body) to {primitive, values, place}; `names` are those of the parts.
export function writeTemplate({ name, verbs, rows, names, primitives }) {
  const words = verbs.filter((verb) => !RESERVED.includes(verb));
  const rules = [...rows].sort(([a], [b]) => a - b).map(([row, { primitive, values, place }]) =>
    `  ${row === 0 ? 'body' : `part ${names[row - 1]}`} : ${writeMovement(primitives[primitive], values, place)}`);
  return [`motion ${name}`, ...(words.length ? [`  verbs ${words.join(' ')}`] : []), ...rules, ''].join('\n');
}
