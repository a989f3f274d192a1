// The browser's own Unicode, for unicode_browser.c: String.prototype.normalize, upper and lower case, and the classes of
// regular expressions.
mergeInto(LibraryManager.library, {
  $unicodeText: function (address, count) {
    let text = '';
    for (let i = 0; i < count; i++) text += String.fromCodePoint(HEAP32[(address >> 2) + i]);
    return text;
  },

  // Returns how many characters there are now.
  $unicodeStore: function (text, address, limit) {
    let length = 0;
    for (const one of text) {
      if (length === limit) break;
      HEAP32[(address >> 2) + length++] = one.codePointAt(0);
    }
    return length;
  },

  // From 1, in the order of unicode_class.
  browser_class: function (character) {
    const text = String.fromCodePoint(character);
    return [/\p{Z}/u, /\p{Cc}/u, /\p{Cf}/u, /\p{Nd}/u, /\p{P}/u].findIndex((one) => one.test(text)) + 1;
  },

  // JavaScript has no case folding, only cases: the lower case of the upper case of a character is its folding, but for
  // what folds to capitals (Cherokee) and for letters that share their capitals with others.
  $unicodeFold: function (one) {
    if (one === '\u0131') return one;
    return one.toUpperCase().toLowerCase();
  },

  browser_decompose__deps: ['$unicodeText', '$unicodeStore', '$unicodeFold'],
  browser_decompose: function (characters, count, fold, out, limit) {
    let text = unicodeText(characters, count).normalize('NFKD');
    if (fold) text = Array.from(text, unicodeFold).join('').normalize('NFKD');
    return unicodeStore(text, out, limit);
  },

  browser_compose__deps: ['$unicodeText', '$unicodeStore'],
  browser_compose: function (characters, count) {
    return unicodeStore(unicodeText(characters, count).normalize('NFC'), characters, count);
  },
});
