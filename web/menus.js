// The menus at the top: one open at a time, closed by a click elsewhere, by leaving, by Escape.

export function useMenus(menus) {
  const open = () => [...menus].find((menu) => menu.open);
  for (const menu of menus) {
    menu.addEventListener('toggle', () => {
      if (menu.open) for (const other of menus) if (other !== menu) other.open = false;
    });
    menu.addEventListener('focusout', (event) => {
      if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
    });
  }
  addEventListener('pointerdown', (event) => {
    const menu = open();
    if (menu && !menu.contains(event.target)) menu.open = false;
  });
  return {
    // Whether there was one to close.
    close() {
      const menu = open();
      if (!menu) return false;
      menu.open = false;
      menu.querySelector('summary').focus();
      return true;
    },
  };
}
