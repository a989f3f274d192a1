// Recent words, newest first, in this browser alone. Each is an order: {text, seed, quality, points}.

import { keep, recall } from './keep.js';
import { readLink, writeLink } from './link.js';

const MOST = 30;

export function openHistory({ list, none, forget, previous, next }) {
  // They are kept as links: short, and read back with the same care as an address.
  const kept = recall('history', []);
  let orders = Array.isArray(kept) ? kept.map((link) => readLink(String(link))).filter(({ text }) => text) : [];
  let at = -1; // the one that is shown; -1: none

  function paint() {
    list.replaceChildren(...orders.map((order, index) => {
      const link = document.createElement('a');
      link.href = writeLink(order);
      link.textContent = order.seed ? `${order.text} · ${order.seed}` : order.text;
      if (index === at) link.setAttribute('aria-current', 'true');
      const item = document.createElement('li');
      item.append(link);
      return item;
    }));
    none.hidden = orders.length > 0;
    forget.hidden = orders.length === 0;
    previous.disabled = at + 1 >= orders.length;
    next.disabled = at <= 0;
  }

  forget.addEventListener('click', () => {
    orders = [];
    at = -1;
    keep('history', []);
    paint();
    forget.closest('details').querySelector('summary').focus();
  });
  paint();

  return {
    // A word was shown. One that is there already keeps its place when `again`: walking does not shuffle what one walks on.
    add(order, again = false) {
      const link = writeLink(order);
      const known = orders.findIndex((other) => writeLink(other) === link);
      if (known >= 0 && again) {
        at = known;
      } else {
        if (known >= 0) orders.splice(known, 1);
        orders.unshift({ ...order });
        orders.length = Math.min(orders.length, MOST);
        at = 0;
        keep('history', orders.map(writeLink));
      }
      paint();
    },
    // The order `steps` earlier (1) or later (-1) than the one shown; undefined at the ends.
    step: (steps) => orders[at + steps],
  };
}
