// Two uses of a microphone, each with a button of its own.
//
// Speech: the browser turns it into text (its maker may do that on computers of their own); Lumen gets the text.
// Hearing: loudness, pitch and brightness are computed here, in C, from a window of samples that is then forgotten.

const Recognition = globalThis.SpeechRecognition ?? globalThis.webkitSpeechRecognition;
const WINDOW = 8192; // samples that the browser holds for us: a frame may come a sixth of a second late

const SPEECH_FAULTS = {
  'not-allowed': 'The microphone is not allowed here. Allow it in the browser’s settings for this page, or type.',
  'service-not-allowed': 'This browser does not allow speech recognition. Type instead.',
  'audio-capture': 'No microphone was found. Type instead.',
  'no-speech': 'Nothing was heard.',
  network: 'This browser needs a network to understand speech. Type instead.',
  'language-not-supported': 'This browser does not understand English speech. Type instead.',
};

export const canListen = () => Recognition !== undefined;
export const canHear = () => Boolean(navigator.mediaDevices?.getUserMedia) && 'AudioContext' in globalThis;

// `heard(text, final)` gets the transcript while it grows; `changed(on)` and `said(words, wrong)` tell how it goes.
export function openSpeech({ heard, changed, said }) {
  let recognition = null;

  function start() {
    const mine = (recognition = new Recognition());
    let told = false;
    Object.assign(mine, { lang: 'en-US', interimResults: true, continuous: false, maxAlternatives: 1 });
    mine.onresult = (event) => {
      if (mine !== recognition) return;
      const results = [...event.results];
      heard(results.map((result) => result[0].transcript).join(' ').replace(/\s+/g, ' ').trim(), results.every((result) => result.isFinal));
    };
    mine.onerror = (event) => {
      if (mine !== recognition || event.error === 'aborted') return;
      told = true;
      said(SPEECH_FAULTS[event.error] ?? `Speech was not understood (${event.error}).`, event.error !== 'no-speech');
    };
    mine.onend = () => {
      if (mine !== recognition) return;
      recognition = null;
      changed(false, told);
    };
    try {
      mine.start();
      changed(true);
    } catch (fault) {
      recognition = null;
      said(`Speech recognition did not start: ${fault.message}`, true);
    }
  }

  function stop() {
    const mine = recognition;
    recognition = null;
    mine?.abort();
    if (mine) changed(false);
  }

  return { toggle: () => (recognition ? stop() : start()), stop };
}

export function openHearing(stage, { changed, said }) {
  let microphone = null; // {stream, context, analyser, samples, until}
  let opening = false;

  function stop() {
    if (!microphone) return;
    microphone.stream.getTracks().forEach((track) => track.stop());
    microphone.context.close();
    microphone = null;
    stage.before.delete(listen);
    stage.engine?.deaf();
    stage.wake();
    changed(false);
  }

  // Hands over the samples that have come since the last frame.
  function listen() {
    const { context, analyser, samples } = microphone;
    const fresh = Math.min(WINDOW, Math.round((context.currentTime - microphone.until) * context.sampleRate));
    microphone.until = context.currentTime;
    if (fresh <= 0) return true;
    analyser.getFloatTimeDomainData(samples);
    changed(true, stage.engine.hear(samples.subarray(WINDOW - fresh), context.sampleRate));
    return true;
  }

  async function start() {
    opening = true;
    try {
      // Cleaned-up sound has lost what is wanted here: how loud, how bright.
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
      });
      const context = new AudioContext();
      await context.resume();
      const analyser = new AnalyserNode(context, { fftSize: WINDOW, smoothingTimeConstant: 0 });
      context.createMediaStreamSource(stream).connect(analyser); // and no farther: nothing is played back
      microphone = { stream, context, analyser, samples: new Float32Array(WINDOW), until: context.currentTime };
      stream.getTracks().forEach((track) => track.addEventListener('ended', stop));
      stage.before.add(listen);
      stage.wake();
      changed(true);
      said('Moving with your voice. Nothing is recorded, nothing is sent.');
    } catch (fault) {
      said(fault.name === 'NotAllowedError'
        ? 'The microphone is not allowed here. Allow it in the browser’s settings for this page, then try again.'
        : fault.name === 'NotFoundError' ? 'No microphone was found.' : `The microphone could not be opened: ${fault.message}`, true);
    } finally {
      opening = false;
    }
  }

  return { toggle: () => (microphone ? stop() : opening || start()), stop };
}
