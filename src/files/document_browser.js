// The browser's own JSON, for document_browser.c. Values lie in a table; the number of a place there is what C holds, and
// 0 is none. (In libraries the optimizer of emscripten 3.1.6 takes functions and simple variables alone: no arrow functions
// as members, no destructuring.)
mergeInto(LibraryManager.library, {
  $documents: '{ values: new Map(), last: 0 }',

  $documentKeep__deps: ['$documents'],
  $documentKeep: function (value) {
    documents.values.set(++documents.last, value);
    return documents.last;
  },

  script_object__deps: ['$documentKeep'],
  script_object: function () {
    return documentKeep({});
  },

  script_array__deps: ['$documentKeep'],
  script_array: function () {
    return documentKeep([]);
  },

  script_boolean__deps: ['$documentKeep'],
  script_boolean: function (truth) {
    return documentKeep(truth !== 0);
  },

  script_number__deps: ['$documentKeep'],
  script_number: function (number) {
    return documentKeep(number);
  },

  // 0 when the bytes are not UTF-8.
  script_text__deps: ['$documentKeep'],
  script_text: function (text, size) {
    try {
      const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
      return documentKeep(decoder.decode(HEAPU8.subarray(text, text + size)));
    } catch (fault) {
      return 0;
    }
  },

  // Moves a value out of the table into an object (with a name) or an array (without).
  script_move__deps: ['$documents'],
  script_move: function (container, name, size, value) {
    const values = documents.values;
    const inside = values.get(container);
    if (Array.isArray(inside)) inside.push(values.get(value));
    else inside[new TextDecoder().decode(HEAPU8.subarray(name, name + size))] = values.get(value);
    values.delete(value);
  },

  script_count__deps: ['$documents'],
  script_count: function (array) {
    return documents.values.get(array).length;
  },

  script_forget__deps: ['$documents'],
  script_forget: function (value) {
    return documents.values.delete(value);
  },

  // Writes the text of a value into memory that is the caller's to free; 0 when there is none.
  script_write__deps: ['$documents', 'malloc'],
  script_write: function (value, digits, size) {
    const round = (key, one) =>
      typeof one === 'number' && !Number.isInteger(one) ? Number(one.toPrecision(digits)) : one;
    const bytes = new TextEncoder().encode(JSON.stringify(documents.values.get(value), round));
    const place = _malloc(bytes.length);
    if (place) {
      HEAPU8.set(bytes, place);
      HEAP32[size >> 2] = bytes.length;
    }
    return place;
  },
});
