// A card with what the server answered: verdict, probabilities, genres over time, waveform and spectrogram.
import Regions from "./vendor/regions.esm.js";
import Spectrogram from "./vendor/spectrogram.esm.js";
import WaveSurfer from "./vendor/wavesurfer.esm.js";

const SHOWN = 5;
const COLORS = 12;
// What the network hears: its spectrograms end at half of this.
const SAMPLE_RATE = 22050;
const nonce = document.querySelector("meta[name=csp-nonce]").content;
const players = new Set();

function make(tag, className, text) {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

const percent = (probability) => `${(100 * probability).toFixed(1)} %`;
const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
// Segments that overlap begin within the same second.
const instant = (seconds) => {
  const tenths = Math.round(10 * seconds);
  return `${clock(Math.floor(tenths / 10))}.${tenths % 10}`;
};
const color = (genre, genres) => `g${genres.indexOf(genre) % COLORS}`;

export function showFailure(card, reason) {
  const state = card.querySelector(".state");
  state.classList.add("failed");
  state.textContent = reason;
}

export function show(card, answer, file, genres) {
  card.querySelector(".state").textContent = "";
  card.querySelector(".answer").hidden = false;
  const verdict = card.querySelector(".verdict");
  verdict.classList.toggle("uncertain", answer.uncertain);
  verdict.textContent = answer.uncertain
    ? `Uncertain, perhaps ${answer.genre} (${percent(answer.probability)})`
    : `${answer.genre} (${percent(answer.probability)})`;
  for (const [genre, probability] of Object.entries(answer.probabilities).slice(0, SHOWN)) {
    const row = make("li", "", "");
    const fill = make("div", `fill ${color(genre, genres)}`, "");
    fill.style.width = percent(probability).replace(" ", "");
    const track = make("div", "track", "");
    track.append(fill);
    row.append(make("span", "", genre), track, make("span", "percent", percent(probability)));
    card.querySelector(".bars").append(row);
  }
  card.querySelector(".notes").append(...answer.notes.map((note) => make("li", "", note)));
  const player = open(card, answer, file);
  addStrip(card, answer, genres, player);
  addTable(card, answer, player);
}

// Waveform and spectrogram, in which each segment is a region: a click plays it.
function open(card, answer, file) {
  const style = getComputedStyle(document.documentElement);
  const regions = Regions.create();
  const surfer = WaveSurfer.create({
    container: card.querySelector(".wave"),
    cspNonce: nonce,
    height: 56,
    normalize: true,
    sampleRate: SAMPLE_RATE,
    waveColor: style.getPropertyValue("--quiet"),
    progressColor: style.getPropertyValue("--accent"),
    cursorColor: style.getPropertyValue("--bad"),
    cursorWidth: 2,
    plugins: [
      regions,
      Spectrogram.create({
        height: 110,
        fftSamples: 1024,
        scale: "mel",
        frequencyMax: SAMPLE_RATE / 2,
        colorMap: "roseus",
        gainDB: 20,
        rangeDB: 80,
      }),
    ],
  });
  const button = card.querySelector(".play");
  const time = card.querySelector(".clock");
  const player = {
    isReady: false,
    play(start, end) {
      if (!this.isReady) return;
      players.forEach((other) => other !== surfer && other.pause());
      surfer.play(start, end);
    },
    onTime: () => {},
  };
  players.add(surfer);
  button.addEventListener("click", () => (surfer.isPlaying() ? surfer.pause() : player.play()));
  surfer.on("play", () => (button.textContent = "Pause"));
  surfer.on("pause", () => (button.textContent = "Play"));
  surfer.on("timeupdate", (now) => {
    time.textContent = `${clock(now)} of ${clock(answer.seconds)}`;
    player.onTime(now);
  });
  surfer.on("ready", () => {
    player.isReady = true;
    button.disabled = false;
    time.textContent = `0:00 of ${clock(answer.seconds)}`;
    for (const { start, end } of answer.timeline) {
      regions.addRegion({ start, end, drag: false, resize: false, color: "rgba(128, 128, 128, 0.08)" });
    }
  });
  regions.on("region-clicked", (region, event) => {
    event.stopPropagation();
    player.play(region.start, region.end);
  });
  surfer.on("error", () => {
    card.querySelector(".unplayable").hidden = false;
    card.querySelector(".wave").hidden = true;
    card.querySelectorAll("button").forEach((each) => (each.disabled = true));
  });
  surfer.loadBlob(file).catch(() => {});
  return player;
}

// Neighboring segments of one genre are one part of the strip. Windows may overlap: a part ends where the next begins.
function parts(timeline) {
  const found = [];
  for (const { start, end, genre } of timeline) {
    const last = found.at(-1);
    if (last && last.genre === genre && start <= last.end + 0.01) last.end = end;
    else {
      if (last) last.end = Math.min(last.end, start);
      found.push({ start, end, genre });
    }
  }
  return found;
}

// Buttons of which one is reached by Tab, and the others by the arrow keys.
function addStrip(card, answer, genres, player) {
  const strip = card.querySelector(".strip");
  const found = parts(answer.timeline);
  const buttons = found.map(({ start, end, genre }, index) => {
    const button = make("button", color(genre, genres), genre);
    button.type = "button";
    button.tabIndex = index ? -1 : 0;
    button.title = `${clock(start)} to ${clock(end)}: ${genre}`;
    button.setAttribute("aria-label", `${genre}, from ${clock(start)} to ${clock(end)}`);
    button.style.left = `${(100 * start) / answer.seconds}%`;
    button.style.width = `${(100 * (end - start)) / answer.seconds}%`;
    button.addEventListener("click", () => player.play(start, end));
    return button;
  });
  strip.append(...buttons);
  strip.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const place = buttons.indexOf(event.target) + (step || 0);
    if (!step || !buttons[place]) return;
    event.preventDefault();
    event.target.tabIndex = -1;
    buttons[place].tabIndex = 0;
    buttons[place].focus();
  });
  player.onTime = (now) =>
    found.forEach(({ start, end }, index) => buttons[index].classList.toggle("now", start <= now && now < end));
}

function addTable(card, answer, player) {
  const body = card.querySelector("tbody");
  for (const segment of answer.timeline) {
    const { start, end, genre, probability, probabilities } = segment;
    const button = make("button", "", `${instant(start)} - ${instant(end)}`);
    button.type = "button";
    button.setAttribute("aria-label", `Play ${instant(start)} - ${instant(end)}`);
    button.addEventListener("click", () => player.play(start, end));
    const [, second] = Object.entries(probabilities);
    const row = make("tr", "", "");
    const time = make("td", "", "");
    time.append(button);
    const other = second ? `${second[0]} ${percent(second[1])}` : "";
    row.append(time, make("td", "", genre), make("td", "", percent(probability)), make("td", "", other));
    body.append(row);
  }
}
