// The legend of parts: pointing at a name or reaching it by Tab lights the part, pressing it keeps it lit.

import { plain } from './words.js';

export function openLegend(section, list, stage) {
  let pointed = 0; // the part under the pointer or the focus, from 1; 0: none
  let pinned = 0;
  let natural = null;
  const buttons = () => [...list.querySelectorAll('button')];

  function light() {
    stage.engine?.highlight(pointed || pinned);
    stage.wake();
  }

  function point(part) {
    pointed = part;
    light();
  }

  function pin(part) {
    pinned = part === pinned ? 0 : part;
    if (!pinned) pointed = 0;
    buttons().forEach((button, index) => button.setAttribute('aria-pressed', String(index + 1 === pinned)));
    light();
  }

  function paint() {
    const drawn = stage.engine?.partColors() ?? [];
    buttons().forEach((button, index) => {
      const color = natural?.[index] ?? (drawn[index] && `rgb(${drawn[index].join(' ')})`);
      if (color) button.style.setProperty('--part', color);
    });
  }

  function entry(name, index) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = plain(name);
    button.setAttribute('aria-pressed', 'false');
    button.addEventListener('pointerenter', () => point(index + 1));
    button.addEventListener('focus', () => point(index + 1));
    button.addEventListener('pointerleave', () => point(0));
    button.addEventListener('blur', () => point(0));
    button.addEventListener('click', () => pin(index + 1));
    const item = document.createElement('li');
    item.append(button);
    return item;
  }

  return {
    // Shows the parts of what is on the stage now.
    fill(names) {
      pointed = pinned = 0;
      section.hidden = names.length === 0;
      list.replaceChildren(...names.map(entry));
      paint();
      light();
    },
    // Shows the parts' own colors, ["#rrggbb", ...]; null: those of the legend.
    color(own) {
      natural = own;
      paint();
    },
    // Lights a part that was picked on the stage; 0: none.
    pick: (part) => (part === 0 ? pinned && pin(pinned) : pin(part)),
    get pinned() {
      return pinned;
    },
  };
}
