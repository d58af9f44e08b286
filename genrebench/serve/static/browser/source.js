// Where answers come from: the model beside this page, run here by onnxruntime-web.
import * as ort from "./vendor/ort/ort.wasm.min.mjs";
import { cut, fold, mono, standardize, summarize, windowsOf } from "./listen.js";

const MAX_MEGABYTES = 256;
const MAX_SECONDS = 1800;
const BATCH = 16;
const beside = (name) => new URL(`../${name}`, import.meta.url).href;
ort.env.wasm.wasmPaths = new URL("./vendor/ort/", import.meta.url).href;
// More need headers that few hosts of pages send.
ort.env.wasm.numThreads = 1;

let loaded = null;
let turn = Promise.resolve();

async function load() {
  const about = await (await fetch(beside("about.json"))).json();
  const frontEnd = await ort.InferenceSession.create(beside("front_end.onnx"));
  const network = await ort.InferenceSession.create(beside("network.onnx"));
  return { about, frontEnd, network };
}

// What answers, and within which limits.
export async function greet() {
  loaded ??= load();
  const { about } = await loaded;
  return {
    model: about.model,
    genres: about.genres,
    max_megabytes: MAX_MEGABYTES,
    max_seconds: MAX_SECONDS,
    takes: `Whatever this browser plays, up to ${MAX_MEGABYTES} MB and ${MAX_SECONDS / 60} minutes each`,
  };
}

// The answer for one recording; an error's message says why there is none. One at a time: there is one network.
export function classify(file, tell) {
  tell("Waiting ...");
  const answer = turn.then(() => answerTo(file, tell));
  turn = answer.catch(() => {});
  return answer;
}

async function answerTo(file, tell) {
  loaded ??= load();
  const { about, frontEnd, network } = await loaded;
  tell("Decoding ...");
  const samples = await decode(file, about);
  const segments = cut(samples, about);
  const spectrograms = [];
  for (const [index, segment] of segments.entries()) {
    tell(`Listening, ${index + 1} of ${segments.length} segments`);
    const audio = new ort.Tensor("float32", segment.samples, [1, segment.samples.length]);
    spectrograms.push((await frontEnd.run({ audio }, ["spectrogram"])).spectrogram.data);
  }
  const [bands, frames] = about.shape;
  const logits = [];
  for (const [block, around] of fold(spectrograms, about.segments_per_recording)) {
    const windows = windowsOf(standardize(block, around, about), about);
    for (let first = 0; first < windows.length; first += BATCH) {
      tell(`Classifying, ${logits.length} windows are done`);
      const part = windows.slice(first, first + BATCH);
      const values = new Float32Array(part.length * bands * frames);
      part.forEach((each, row) => values.set(each, row * bands * frames));
      const found = await network.run({ [about.input]: new ort.Tensor("float32", values, [part.length, bands, frames]) });
      for (let row = 0; row < part.length; row += 1) {
        logits.push(found.logits.data.slice(row * about.genres.length, (row + 1) * about.genres.length));
      }
    }
  }
  const seconds = samples.length / about.mel.sample_rate;
  return { file: file.name, ...summarize(logits, segments, about), seconds, notes: [], model: about.model };
}

// Mono samples at the model's rate; the browser decodes and resamples.
async function decode(file, { mel, listening }) {
  let buffer;
  try {
    buffer = await new OfflineAudioContext(1, 1, mel.sample_rate).decodeAudioData(await file.arrayBuffer());
  } catch {
    throw new Error("cannot be decoded by this browser; try wav, mp3 or ogg");
  }
  if (buffer.duration > MAX_SECONDS) throw new Error(`expected at most ${MAX_SECONDS / 60} minutes; cut it`);
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, channel) => buffer.getChannelData(channel));
  return mono(channels, listening);
}
