// The page: recordings are taken, classified two at a time, and shown as they are answered. No build step, nothing from
// elsewhere.
import { show, showFailure } from "./result.js";
import { classify, greet } from "./source.js";

const AT_ONCE = 2;
const find = (id) => document.getElementById(id);
const waiting = [];
let running = 0;
let source = null;

function say(text) {
  find("status").textContent = text;
}

// A card for each recording, at once; above those that were there.
function take(files) {
  const cards = [...files].map((file) => {
    const card = find("result").content.firstElementChild.cloneNode(true);
    card.querySelector(".name").textContent = file.name;
    waiting.push({ file, card });
    return card;
  });
  find("results").prepend(...cards);
  next();
}

function next() {
  while (running < AT_ONCE && waiting.length) {
    running += 1;
    work(waiting.shift()).finally(() => {
      running -= 1;
      next();
    });
  }
}

async function work({ file, card }) {
  const state = card.querySelector(".state");
  try {
    if (source && file.size > source.max_megabytes * 2 ** 20) {
      throw new Error(`expected a file of at most ${source.max_megabytes} MB`);
    }
    const answer = await classify(file, (text) => (state.textContent = text));
    show(card, answer, file, source ? source.genres : Object.keys(answer.probabilities).sort());
    say(`${file.name}: ${answer.uncertain ? "uncertain, perhaps " : ""}${answer.genre}`);
  } catch (error) {
    showFailure(card, error.message);
    say(`${file.name}: failed`);
  }
}

function takeDrops() {
  const area = find("drop");
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      area.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) area.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    area.classList.remove("over");
    take(event.dataTransfer.files);
  });
}

// The button begins a recording and ends it; the longest is as long as is taken.
function takeRecordings() {
  const button = find("record");
  if (!navigator.mediaDevices || !window.MediaRecorder) {
    button.disabled = true;
    button.textContent = "Recording needs https or this machine";
    return;
  }
  let recorder = null;
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", async () => {
    if (recorder) {
      recorder.stop();
      return;
    }
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
      });
    } catch (error) {
      say(`The microphone cannot be used (${error.name})`);
      return;
    }
    const pieces = [];
    const began = Date.now();
    recorder = new MediaRecorder(stream);
    const clock = setInterval(() => {
      const seconds = Math.floor((Date.now() - began) / 1000);
      button.textContent = `Stop (${seconds} s)`;
      if (source && seconds >= source.max_seconds - 1) recorder.stop();
    }, 250);
    recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
    recorder.addEventListener("stop", () => {
      clearInterval(clock);
      stream.getTracks().forEach((track) => track.stop());
      const kind = recorder.mimeType;
      recorder = null;
      button.textContent = "Record";
      button.setAttribute("aria-pressed", "false");
      const time = new Date(began).toLocaleTimeString();
      take([new File(pieces, `Recording at ${time}`, { type: kind })]);
    });
    recorder.start();
    button.setAttribute("aria-pressed", "true");
    button.textContent = "Stop (0 s)";
    say("Recording");
  });
}

async function begin() {
  try {
    source = await greet();
    find("model").textContent = `Model ${source.model} knows ${source.genres.join(", ")}.`;
    find("limits").textContent = source.takes;
  } catch {
    find("model").textContent = "What classifies does not answer.";
  }
}

find("files").addEventListener("change", (event) => {
  take(event.target.files);
  event.target.value = "";
});
takeDrops();
takeRecordings();
begin();
