// A motion as text, in the language of data/motion (docs/motion.md).

export function writeTemplate({ name, verbs, rows, names, primitives }) {
  return [name, verbs, rows, names, primitives].length ? `motion ${name}\n` : '';
}
