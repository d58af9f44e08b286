// The page: recordings are taken, sent two at a time, and shown as they are answered. No build step, nothing from elsewhere.
import { show, showFailure } from "./result.js";

const AT_ONCE = 2;
const ATTEMPTS = 8;
const find = (id) => document.getElementById(id);
const waiting = [];
let running = 0;
let server = null;

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
  if (server && file.size > server.max_megabytes * 2 ** 20) {
    showFailure(card, `expected a file of at most ${server.max_megabytes} MB`);
    return;
  }
  for (let attempt = 1; ; attempt += 1) {
    state.textContent = "Classifying ...";
    let response, answer;
    try {
      const form = new FormData();
      form.append("file", file, file.name);
      response = await fetch("/predict", { method: "POST", body: form });
      answer = await response.json();
    } catch {
      showFailure(card, "the server does not answer; is it still running?");
      say(`${file.name}: no answer`);
      return;
    }
    if (response.ok) {
      show(card, answer, file, server ? server.genres : Object.keys(answer.probabilities).sort());
      say(`${file.name}: ${answer.uncertain ? "uncertain, perhaps " : ""}${answer.genre}`);
      return;
    }
    // A busy server says when to come again, and is asked no sooner.
    const later = Number(response.headers.get("Retry-After"));
    if (!later || attempt === ATTEMPTS) {
      showFailure(card, answer.error);
      say(`${file.name}: failed`);
      return;
    }
    state.textContent = `The server is busy; trying again in ${later} s`;
    await new Promise((done) => setTimeout(done, 1000 * later));
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

// The button begins a recording and ends it; the longest is as long as the server takes.
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
      if (server && seconds >= server.max_seconds - 1) recorder.stop();
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

async function greet() {
  try {
    server = await (await fetch("/health")).json();
    find("model").textContent = `Model ${server.model} knows ${server.genres.join(", ")}.`;
    const minutes = server.max_seconds / 60;
    const longest = minutes < 2 ? `${server.max_seconds} s` : `${Math.round(minutes)} minutes`;
    find("limits").textContent = `Nearly any format, up to ${server.max_megabytes} MB and ${longest} each`;
  } catch {
    find("model").textContent = "The server does not answer.";
  }
}

find("files").addEventListener("change", (event) => {
  take(event.target.files);
  event.target.value = "";
});
takeDrops();
takeRecordings();
greet();
