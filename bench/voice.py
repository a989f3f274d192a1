#!/usr/bin/env python3
"""What the room voice hears, beside librosa, and what it costs.

    meson setup build -Dbench=true && ninja -C build
    python3 bench/voice.py build/bench/bench_voice [RECORDING.wav ...]

Needs numpy, librosa and soundfile in a virtual environment of its own (librosa 0.11.0 was used; ./check neither needs nor
installs it). Without recordings only sounds made here are compared; Debian's package alsa-utils brings eight spoken
ones (/usr/share/sounds/alsa/*.wav), espeak-ng speaks any sentence. Prints Markdown tables.

Equality is made thus: librosa gets the same windows (its frame_length, hop_length), Hann, no padding; its loudness and
brightness are passed through the same smoothing as ours (attack, release: src/voice/voice.c). Its pitch is YIN and,
for "is there a voice at all", pYIN.
"""
import argparse
import pathlib
import subprocess
import warnings

import librosa
import numpy
import soundfile

warnings.filterwarnings("ignore")


def window_of(rate):
    window = 512
    while window < 0.04 * rate:
        window *= 2
    return window


def hear(program, samples, rate):
    """Rows of samples heard, loudness, pitch, brightness, onset; one for each quarter of a window."""
    answer = subprocess.run([program, str(rate)], input=samples.astype("<f4").tobytes(), capture_output=True, check=True)
    rows = numpy.array([line.split() for line in answer.stdout.decode().splitlines()], dtype=float).reshape(-1, 5)
    # The program is silent where nothing changes.
    hop = window_of(rate) // 4
    full = numpy.zeros((len(samples) // hop, 5))
    known = {int(row[0]) // hop - 1: row for row in rows}
    last = numpy.zeros(5)
    for i in range(len(full)):
        last = known.get(i, last)
        full[i] = last
    return full


def smooth(values, rate, rise, fall):
    step = window_of(rate) / 4 / rate
    now, out = 0.0, []
    for value in values:
        now = value + (now - value) * numpy.exp(-step / (rise if value > now else fall))
        out.append(now)
    return numpy.array(out)


def judge(samples, rate):
    """The same by librosa: loudness, pitch by YIN, whether voiced by pYIN, brightness, times of onsets."""
    window = window_of(rate)
    hop = window // 4
    padded = numpy.concatenate([numpy.zeros(window - hop, dtype=numpy.float32), samples.astype(numpy.float32)])
    rms = librosa.feature.rms(y=padded, frame_length=window, hop_length=hop, center=False)[0]
    level = 20 * numpy.log10(rms * numpy.sqrt(2) + 1e-12)
    centroid = librosa.feature.spectral_centroid(y=padded, sr=rate, n_fft=window, hop_length=hop, center=False)[0]
    pitch = librosa.yin(padded, fmin=70, fmax=1000, sr=rate, frame_length=window, hop_length=hop, center=False)
    sung, voiced, _ = librosa.pyin(padded, fmin=70, fmax=1000, sr=rate, frame_length=window, hop_length=hop, center=False)
    strength = librosa.onset.onset_strength(y=samples, sr=rate, hop_length=hop, n_fft=window)
    onsets = librosa.onset.onset_detect(onset_envelope=strength, sr=rate, hop_length=hop, units="time")
    return {
        "loudness": smooth(numpy.clip(1 + level / 60, 0, 1), rate, 0.015, 0.1),
        "level": level,
        "pitch": pitch,
        "sung": sung,
        "voiced": voiced,
        "brightness": smooth(numpy.where(level > -60, centroid, 0), rate, 0.03, 0.03),
        "onsets": onsets,
    }


def our_onsets(onset, rate):
    """Where the strength jumps above a quarter."""
    hop = window_of(rate) // 4
    return [(i + 1) * hop / rate for i in range(1, len(onset)) if onset[i] > 0.25 and onset[i] > onset[i - 1]
            and onset[i - 1] <= 0.25]


def matched(ours, theirs, within=0.07):
    return sum(any(abs(one - other) <= within for other in theirs) for one in ours)


def compare(program, name, samples, rate):
    ours, theirs = hear(program, samples, rate), judge(samples, rate)
    count = min(len(ours), len(theirs["pitch"]))
    ours = ours[:count]
    for key in ("loudness", "level", "pitch", "sung", "voiced", "brightness"):
        theirs[key] = theirs[key][:count]
    # Ours is the median of three windows: it speaks of the one before.
    sung = numpy.roll(theirs["sung"], 1)
    both = (ours[:, 2] > 0) & ~numpy.isnan(sung)
    cents = 1200 * numpy.abs(numpy.log2(ours[both, 2] / sung[both])) if both.any() else numpy.array([numpy.nan])
    agree = ((ours[:, 2] > 0) == ~numpy.isnan(sung)).mean()
    loud = theirs["level"] > -50
    bright = numpy.abs(ours[loud, 3] / theirs["brightness"][loud] - 1)
    onsets = our_onsets(ours[:, 4], rate)
    print(f"| {name} | {rate} | {count} | {numpy.abs(ours[:, 1] - theirs['loudness']).max():.4f} "
          f"| {numpy.median(cents):.1f} | {numpy.percentile(cents, 95):.0f} | {(cents > 600).mean():.1%} | {agree:.1%} "
          f"| {numpy.median(bright):.2%} | {matched(onsets, theirs['onsets'])} of {len(onsets)} "
          f"| {matched(theirs['onsets'], onsets)} of {len(theirs['onsets'])} |", flush=True)


def synthetic(rate):
    """A voice that glides, with four formants' worth of harmonics, vibrato, breath and pauses: (samples, true pitch)."""
    generator = numpy.random.default_rng(7)
    time = numpy.arange(int(4 * rate)) / rate
    pitch = 180 * 2 ** (0.9 * numpy.sin(2 * numpy.pi * 0.23 * time) + 0.03 * numpy.sin(2 * numpy.pi * 5.5 * time))
    phase = 2 * numpy.pi * numpy.cumsum(pitch) / rate
    voice = numpy.zeros_like(time)
    for k in range(1, 41):
        gain = sum(numpy.exp(-((k * pitch - formant) / 300) ** 2) for formant in (600, 1200, 2600)) + 0.1
        voice += numpy.where(k * pitch < 0.45 * rate, gain / k * numpy.sin(k * phase), 0)
    gate = numpy.clip(numpy.sin(2 * numpy.pi * 1.5 * time) * 8, 0, 1)
    return 0.25 * voice * gate + 0.002 * generator.standard_normal(len(time)), pitch, gate


def truth(program, rate):
    samples, pitch, gate = synthetic(rate)
    ours, theirs = hear(program, samples, rate), judge(samples, rate)
    hop, window = window_of(rate) // 4, window_of(rate)
    count = min(len(ours), len(theirs["pitch"]))

    def errors(found, delay):
        middles = [(i + 1) * hop - window // 2 - delay * hop for i in range(count)]
        steady = [i for i in range(count) if middles[i] > 0 and gate[max(0, middles[i] - window):middles[i] + window].min() > 0.99
                  and found[i] > 0]
        cents = numpy.array([1200 * abs(numpy.log2(found[i] / pitch[middles[i]])) for i in steady])
        return f"{numpy.median(cents):.1f} | {numpy.percentile(cents, 95):.1f} | {(cents > 600).mean():.1%}"

    print(f"| {rate} | {errors(ours[:count, 2], 1)} | {errors(theirs['pitch'][:count], 0)} "
          f"| {errors(numpy.nan_to_num(theirs['sung'][:count]), 0)} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="bench_voice, from a build with -Dbench=true")
    parser.add_argument("recordings", nargs="*", type=pathlib.Path)
    options = parser.parse_args()

    print(f"librosa {librosa.__version__}, numpy {numpy.__version__}\n")
    print("A made voice whose pitch is known, error in cents:\n")
    print("| rate | ours: median | 95 % | octaves wrong | librosa yin: median | 95 % | octaves wrong "
          "| librosa pyin: median | 95 % | octaves wrong |")
    print("|---|" + "---|" * 9)
    for rate in (8000, 16000, 44100, 48000):
        truth(options.program, rate)

    print("\nAgreement with librosa:\n")
    print("| sound | rate | windows | loudness, largest difference | pitch to pyin: median cents | 95 % | octaves apart "
          "| voiced alike | brightness, median difference | our onsets that it has | its onsets that we have |")
    print("|---|" + "---|" * 10)
    compare(options.program, "made voice", synthetic(48000)[0], 48000)
    for path in options.recordings:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        compare(options.program, path.stem, samples[:, 0], rate)

    print("\nMicroseconds of processor time for each second of sound:\n")
    print("| rate | ours | of a core |")
    print("|---|---|---|")
    for rate in (8000, 16000, 44100, 48000, 96000, 192000):
        samples = synthetic(rate)[0].astype("<f4").tobytes()
        runs = [float(subprocess.run([options.program, str(rate), "cost"], input=samples, capture_output=True,
                                     check=True).stdout) for _ in range(5)]
        print(f"| {rate} | {numpy.median(runs):.0f} | {numpy.median(runs) / 1e4:.2f} % |")


if __name__ == "__main__":
    main()
