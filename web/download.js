// Files of what is on the stage. All but the film's coding is made here, so it works without a network too.

import { fileName } from './words.js';

const TYPES = { png: 'image/png', ply: 'application/octet-stream', glb: 'model/gltf-binary', stl: 'model/stl' };
const FILM_SECONDS = 4;
const FILM_TYPE = 'video/webm';

export const canFilm = () => typeof MediaRecorder !== 'undefined' && MediaRecorder.isTypeSupported(FILM_TYPE) &&
  'captureStream' in HTMLCanvasElement.prototype;

// Hands a blob to the browser as a file.
export function handOver(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// What is seen is only there right after it was drawn.
function picture(stage) {
  return new Promise((resolve, reject) => {
    const take = () => {
      stage.after.delete(take);
      stage.canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('The picture could not be made.'))), TYPES.png);
    };
    stage.after.add(take);
    stage.wake();
  });
}

async function film(stage, news) {
  const stream = stage.canvas.captureStream(30);
  const recorder = new MediaRecorder(stream, { mimeType: FILM_TYPE, videoBitsPerSecond: 8_000_000 });
  const pieces = [];
  recorder.addEventListener('dataavailable', (event) => pieces.push(event.data));
  const ended = new Promise((resolve) => recorder.addEventListener('stop', resolve));
  const run = () => true; // a film of something at rest needs frames too
  stage.before.add(run);
  stage.wake();
  recorder.start();
  for (let left = FILM_SECONDS; left > 0; left--) {
    news(`Filming: ${left} …`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  recorder.stop();
  await ended;
  stage.before.delete(run);
  stream.getTracks().forEach((track) => track.stop());
  return new Blob(pieces, { type: FILM_TYPE });
}

// Makes the file and hands it over; throws an Error with words for people. `text` names it.
export async function download(ending, { stage, shape, service, text, news }) {
  let blob;
  if (ending === 'png') blob = await picture(stage);
  else if (ending === 'webm') blob = await film(stage, news);
  else if (!shape) throw new Error('Say a word first: the ring is not a shape.');
  else if (stage.engine.file && (shape.here || (ending === 'ply' && shape.facts.pipeline !== 'procedural')))
    blob = new Blob([stage.engine.file(shape, ending)], { type: TYPES[ending] });
  else if (service) blob = await service.file(shape.facts.key, ending);
  else throw new Error('This browser cannot make the file.');
  const name = `${fileName(text || 'ring')}.${ending}`;
  handOver(blob, name);
  return name;
}
