// How the page puts things into words.

export const plain = (name) => String(name).replaceAll('_', ' ');

export const count = (number, thing) => `${number.toLocaleString('en')} ${thing}${number === 1 ? '' : 's'}`;

const time = (milliseconds) => (milliseconds < 1000
  ? `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`
  : `${(milliseconds / 1000).toFixed(1)} s`);

const moves = (facts) => facts.motion && facts.motion.template !== 'idle';

// The line below the sculpture, as pieces: what it is, and how it came about.
export function captionOf(facts, here) {
  const subject = plain(facts.subject || facts.text || 'shape');
  const abstract = facts.template_type === 'abstract';
  const pieces = [['subject', subject]];
  if (abstract) pieces.push(['abstract', 'an abstract form: no table knows this word']);
  else if (facts.concept && plain(facts.concept) !== subject) pieces.push(['concept', `shaped like ${plain(facts.concept)}`]);
  if (moves(facts)) pieces.push(['motion', plain(facts.motion.template)]);
  if (facts.part_names.length && !abstract) pieces.push(['parts', count(facts.part_names.length, 'part')]);
  const how = Number.isFinite(facts.generation_time_ms) ? ` in ${time(facts.generation_time_ms)}` : '';
  pieces.push(['pipeline', here ? `made here${how}` : `${plain(facts.pipeline)}${how}`]);
  if (facts.seed) pieces.push(['seed', `number ${facts.seed}`]);
  return pieces;
}

// The same for those who listen.
export function tellOf(text, facts) {
  const names = facts.part_names.map(plain);
  const motion = moves(facts) ? ` Its motion is ${plain(facts.motion.template)}.` : '';
  if (facts.template_type === 'abstract') return `${text}: no table knows this word, an abstract form stands for it.${motion}`;
  return `${text}: ${count(names.length, 'part')}${names.length ? ` (${names.join(', ')})` : ''}.${motion}`;
}

// A name for a file.
export const fileName = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-+|-+$/g, '').slice(0, 80) || 'shape';
