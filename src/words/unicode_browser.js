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
  script_class: function (character) {
    const text = String.fromCodePoint(character);
    return [/\p{Z}/u, /\p{Cc}/u, /\p{Cf}/u, /\p{Nd}/u, /\p{P}/u].findIndex((one) => one.test(text)) + 1;
  },

  // JavaScript has no case folding, only cases. The lower case of the upper case of the lower case of a character is its
  // folding (the long way for the capital sharp s), but for the dotless i, which shares its capital with another letter,
  // and Cherokee, which folds to capitals.
  $unicodeFold: function (one) {
    if (one === '\u0131') return one;
    return /[\u13a0-\u13fd\uab70-\uabbf]/.test(one) ? one.toUpperCase()
      : one.toLowerCase().toUpperCase().toLowerCase();
  },

  script_decompose__deps: ['$unicodeText', '$unicodeStore', '$unicodeFold'],
  script_decompose: function (characters, count, fold, out, limit) {
    let text = unicodeText(characters, count);
    // Character by character, as folding is defined: what it gives may be ordered anew only afterwards.
    if (fold) text = Array.from(text, (one) => Array.from(one.normalize('NFKD'), unicodeFold).join('')).join('');
    return unicodeStore(text.normalize('NFKD'), out, limit);
  },

  script_compose__deps: ['$unicodeText', '$unicodeStore'],
  script_compose: function (characters, count) {
    return unicodeStore(unicodeText(characters, count).normalize('NFC'), characters, count);
  },
});
