// What this browser remembers between visits. Where storage is forbidden or full, it lasts as long as the page.

const here = new Map();

export function recall(name, otherwise) {
  try {
    const text = localStorage.getItem(`lumen-${name}`);
    if (text !== null) return JSON.parse(text);
  } catch { /* no storage, or not ours */ }
  return here.has(name) ? here.get(name) : otherwise;
}

export function keep(name, value) {
  here.set(name, value);
  try {
    localStorage.setItem(`lumen-${name}`, JSON.stringify(value));
  } catch { /* it lasts as long as the page */ }
}
