// The address of a sculpture: everything that makes it lies behind the #, so that a link opens the same one anywhere.
//
//     #a%20horse%20galloping                      what is left out is as usual
//     #a%20horse%20galloping&seed=3&points=2048
//
// The text is percent-encoded, so the first & ends it.

// So many points that each of the usual particles stands exactly on one.
export const USUAL = Object.freeze({ seed: 0, quality: 'standard', points: 16384 });

const QUALITIES = ['fast', 'standard', 'high'];

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // somebody typed a lone %
  }
}

// A whole number within bounds, or what is usual.
function number(text, least, most, usual) {
  const value = /^\d{1,16}$/.test(text ?? '') ? Number(text) : NaN;
  return value >= least && value <= most ? value : usual;
}

// {text, seed, quality, points} of an address's hash; text is '' where there is none.
export function readLink(hash) {
  const [text, ...rest] = hash.replace(/^#/, '').split('&');
  const given = new Map(rest.map((pair) => pair.split('=')));
  return {
    text: decode(text).trim(),
    seed: number(given.get('seed'), 0, Number.MAX_SAFE_INTEGER, USUAL.seed),
    points: number(given.get('points'), 256, 65536, USUAL.points),
    quality: QUALITIES.includes(given.get('quality')) ? given.get('quality') : USUAL.quality,
  };
}

// The hash of an order, "" for none.
export function writeLink(order) {
  if (!order?.text) return '';
  const rest = Object.keys(USUAL).filter((name) => order[name] !== USUAL[name]).map((name) => `&${name}=${order[name]}`);
  return `#${encodeURIComponent(order.text)}${rest.join('')}`;
}
