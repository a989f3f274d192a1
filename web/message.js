// A shape as the service sends it, made into the form that the engine shows:
//
//     { facts, positions: Float32Array(3n), parts: Uint8Array(n), attachments: Float32Array(n) }

const HEAD_BYTES = 16;
const strange = () => new Error('The service sent an answer that this page does not understand. Reload the page.');

// Attachments travel as one byte a point.
const weights = (bytes) => Float32Array.from(bytes, (byte) => byte / 255);

// Facts come from outside: what the page relies on must be there.
function check(facts) {
  if (typeof facts !== 'object' || facts === null || !Array.isArray(facts.part_names) || facts.part_names.length > 32)
    throw strange();
  return facts;
}

// "LUM1", then as u32 LE the bytes of JSON, the points n, the bytes of all; JSON; xyz as f32 LE; part ids; attachments.
export function decodeMessage(buffer) {
  if (buffer.byteLength < HEAD_BYTES) throw strange();
  const head = new DataView(buffer);
  const json = head.getUint32(4, true);
  const n = head.getUint32(8, true);
  const start = HEAD_BYTES + json;
  if (head.getUint32(0, false) !== 0x4c554d31 || json % 4 || n === 0 || buffer.byteLength !== head.getUint32(12, true) ||
      buffer.byteLength !== start + 14 * n) throw strange();
  return {
    facts: check(JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, HEAD_BYTES, json)))),
    positions: finite(new Float32Array(buffer, start, 3 * n)), // browsers run on little-endian machines alone
    parts: new Uint8Array(buffer, start + 12 * n, n),
    attachments: weights(new Uint8Array(buffer, start + 13 * n, n)),
  };
}

// What is no number has no place.
const finite = (positions) => {
  if (!positions.every(Number.isFinite)) throw strange();
  return positions;
};

const bytesOf = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

// The JSON object of POST /generate, as a finished job holds it.
export function decodeObject(object) {
  const { positions, part_ids: ids, attachments, ...facts } = check(object);
  const xyz = bytesOf(positions);
  const parts = bytesOf(ids);
  if (parts.length === 0 || xyz.length !== 12 * parts.length) throw strange();
  const bytes = attachments === undefined ? null : bytesOf(attachments);
  return {
    facts,
    positions: finite(new Float32Array(xyz.buffer)),
    parts,
    ...(bytes?.length === parts.length && { attachments: weights(bytes) }),
  };
}
