// From samples to an answer, as genrebench does it: segments, standardization, windows, genres. Nothing of a page in it.

// The mean of the channels, or the loudest one where they cancel each other.
export function mono(channels, { canceled }) {
  if (channels.length === 1) return channels[0];
  const mean = new Float32Array(channels[0].length);
  for (const channel of channels) for (let i = 0; i < mean.length; i += 1) mean[i] += channel[i] / channels.length;
  const levels = channels.map(level);
  const loudest = Math.max(...levels);
  return level(mean) < canceled * loudest ? channels[levels.indexOf(loudest)] : mean;
}

const level = (samples) => Math.sqrt(samples.reduce((sum, each) => sum + each * each, 0) / samples.length);

// Segments in which there is sound; a tail of at least half a segment is padded, a shorter one dropped.
export function cut(samples, { mel, listening }) {
  const size = listening.segment_samples;
  const rate = mel.sample_rate;
  const count = Math.floor(samples.length / size);
  const rest = samples.length - count * size;
  const all = count + (2 * (rest + Math.round(listening.slack_seconds * rate)) >= size ? 1 : 0);
  if (!all) {
    throw new Error(`expected at least ${size / 2 / rate} s of audio, received ${(samples.length / rate).toFixed(2)} s`);
  }
  const segments = [];
  for (let index = 0; index < all; index += 1) {
    const part = samples.subarray(index * size, (index + 1) * size);
    if (isSilent(part, listening)) continue;
    const padded = new Float32Array(size);
    padded.set(part);
    segments.push({ samples: padded, start: (index * size) / rate, end: (index * size + part.length) / rate });
  }
  if (!segments.length) throw new Error("expected music, received silence");
  return segments;
}

// A constant, wherever it lies, apart from a click.
function isSilent(samples, { silence, clicks }) {
  const step = Math.max(1, Math.floor(samples.length / 1000));
  const few = samples.filter((_, index) => index % step === 0);
  return [few, samples].every((part) => spread(part, clicks) <= 2 * silence);
}

function spread(samples, clicks) {
  const outermost = Math.floor((clicks / 2) * samples.length);
  const ordered = Float32Array.from(samples).sort();
  return ordered[ordered.length - 1 - outermost] - ordered[outermost];
}

// Blocks of a recording, and around each what it is standardized by: the last, shorter one by a whole block.
export function fold(spectrograms, size) {
  const blocks = [];
  for (let first = 0; first < spectrograms.length; first += size) {
    const block = spectrograms.slice(first, first + size);
    blocks.push([block, spectrograms.slice(Math.max(0, first + block.length - size), first + block.length)]);
  }
  return blocks;
}

// By the recording; what goes by the training part is in the network's own file.
export function standardize(block, around, { standardizer, shape, listening }) {
  const [bands, frames] = shape;
  const { kind, level: floor, shrinkage = 0 } = standardizer;
  if (!["track", "track-band"].includes(kind)) return block;
  const [shift, scale] = [new Float32Array(bands), new Float32Array(bands)];
  if (kind === "track") {
    const [center, deviation] = moments(around, 0, bands * frames);
    shift.fill(center);
    scale.fill(deviation > listening.rounding * Math.abs(center) ? deviation : Infinity);
  } else {
    const measured = Array.from({ length: bands }, (_, band) => moments(around, band * frames, (band + 1) * frames));
    const pooled = Math.sqrt(measured.reduce((sum, [, deviation]) => sum + deviation ** 2, 0) / bands);
    measured.forEach(([center, deviation], band) => {
      shift[band] = center;
      scale[band] = deviation ** (1 - shrinkage) * pooled ** shrinkage + floor;
    });
  }
  return block.map((values) =>
    values.map((value, place) => {
      const band = Math.floor(place / frames);
      return Math.fround(value - shift[band]) / scale[band];
    }),
  );
}

// Mean and deviation of a part of each segment.
function moments(segments, first, last) {
  const count = segments.length * (last - first);
  let sum = 0;
  for (const values of segments) for (let place = first; place < last; place += 1) sum += values[place];
  const mean = sum / count;
  let squares = 0;
  for (const values of segments) for (let place = first; place < last; place += 1) squares += (values[place] - mean) ** 2;
  return [mean, Math.sqrt(squares / count)];
}

// Half goes to the even one, as in NumPy.
function rounded(value) {
  const below = Math.floor(value);
  const over = value - below;
  return over > 0.5 || (over === 0.5 && below % 2) ? below + 1 : below;
}

// At which of the frames of so many segments windows begin.
export function windowStarts(count, frames, overlap) {
  const steps = Math.ceil((count - 1) / (1 - overlap) - 1e-9);
  const last = (count - 1) * frames;
  return Array.from({ length: steps + 1 }, (_, step) => rounded(steps ? (step * last) / steps : 0));
}

// Consecutive segments joined and cut anew, into windows that overlap.
export function windowsOf(segments, { overlap, shape }) {
  if (!overlap) return segments;
  const [bands, frames] = shape;
  return windowStarts(segments.length, frames, overlap).map((start) => {
    const window = new Float32Array(bands * frames);
    for (let frame = 0; frame < frames; frame += 1) {
      const values = segments[Math.floor((start + frame) / frames)];
      const place = (start + frame) % frames;
      for (let band = 0; band < bands; band += 1) window[band * frames + frame] = values[band * frames + place];
    }
    return window;
  });
}

// Where windows lie, in seconds; one that joins segments around silence is where it has more of its frames.
export function windowSpans(segments, { overlap, shape, segments_per_recording: size }) {
  if (!overlap) return segments.map(({ start, end }) => [start, end]);
  const frames = shape[1];
  const longest = Math.max(...segments.map(({ start, end }) => end - start));
  return fold(segments, size).flatMap(([part]) =>
    windowStarts(part.length, frames, overlap).map((first) => {
      const before = part[Math.floor(first / frames)];
      const after = part[Math.floor((first + frames - 1) / frames)];
      const within = first % frames;
      const last = (first + frames - 1) % frames;
      const start = before.start + (within / frames) * longest;
      const end = Math.min(after.end, after.start + ((last + 1) / frames) * longest);
      if (before === after || after.start - before.end <= longest / frames) return [start, end];
      return 2 * within <= frames ? [start, before.end] : [after.start, end];
    }),
  );
}

function logSoftmax(values) {
  const highest = Math.max(...values);
  const total = Math.log(values.reduce((sum, each) => sum + Math.exp(each - highest), 0));
  return Array.from(values, (each) => each - highest - total);
}

// Genres with their probabilities, the most probable first.
function named(logProbabilities, genres) {
  const pairs = genres.map((genre, index) => [genre, Math.exp(logProbabilities[index])]);
  return Object.fromEntries(pairs.sort((one, other) => other[1] - one[1]));
}

const best = (probabilities) => {
  const [[genre, probability]] = Object.entries(probabilities);
  return { genre, probability, probabilities };
};

// What the logits of all windows come to.
export function summarize(logits, segments, about) {
  const { genres, calibration } = about;
  const rows = logits.map(logSoftmax);
  const mean = genres.map((_, index) => rows.reduce((sum, row) => sum + row[index], 0) / rows.length);
  const whole = best(named(logSoftmax(logSoftmax(mean).map((each) => each / calibration.track_temperature)), genres));
  const spans = windowSpans(segments, about);
  const timeline = rows.map((row, index) => {
    const [start, end] = spans[index];
    const each = logSoftmax(row.map((value) => value / calibration.segment_temperature));
    return { start, end, ...best(named(each, genres)) };
  });
  return { ...whole, uncertain: whole.probability < calibration.uncertain_below, segments: rows.length, timeline };
}
