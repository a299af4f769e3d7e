/** The page of one video: player, boxes, charts, people and moments, each told what the others do. */

import { BoxCanvas } from "./video_boxes.js";
import { Cast } from "./video_cast.js";
import { Charts } from "./video_charts.js";
import { compare } from "./video_compare.js";
import { BoxPages, Curves, FetchError, fetchJson } from "./video_fetch.js";
import { clock, look, percent, readClock } from "./video_format.js";
import { Moments } from "./video_moments.js";
import { Player } from "./video_player.js";

/** Points of a curve: about one for each pixel of a wide chart. */
const POINTS = 1000;
/** The line that says who is in view changes at most so often. */
const SAY_EVERY = 250;
/** How often a page asks whether its copy for browsers is there (milliseconds). */
const PREVIEW_EVERY = 3000;

const data = JSON.parse(document.getElementById("page-data").textContent);
const signInUrl = data.sign_in;
const element = (name) => document.getElementById(name);
const canvas = document.querySelector("[data-boxes]");
const inView = document.querySelector("[data-now-in-view]");
let saidAt = 0;

function trouble(error) {
  const place = document.querySelector("[data-charts-trouble]");
  if (!place) return;
  place.hidden = !error;
  place.textContent = error?.message ?? "";
}

const cast = new Cast({
  now: () => player.ms,
  onChoose: (person) => {
    boxes?.choose(person.id);
    moments?.of(person.id);
    charts?.refresh();
  },
  onShown: () => {
    charts?.refresh();
    side();
  },
  onChanged: () => {
    pages?.clear();
    curves.clear();
    moments?.refresh();
    boxes?.choose(cast.chosen?.id ?? null);
    charts?.refresh();
    side();
    follow(player.ms, { playing: player.playing });
  },
  onJump: (ms) => {
    player.seek(ms);
    element("player").scrollIntoView({ block: "nearest" });
  },
});

const pages = canvas
  ? new BoxPages({
      url: data.urls.boxes,
      signInUrl,
      duration: data.duration_ms,
      overhang: Math.ceil(3 * data.interval_ms),
      onPage: () => draw(player.ms),
      onTrouble: trouble,
    })
  : null;

/** Titles and colours of people by id, made anew only when they change: the canvas asks with every frame. */
let named = { people: null, map: new Map() };
function people() {
  if (named.people !== cast.people) {
    const colours = look();
    const rows = cast.people.map((one) => [
      one.id,
      { title: one.title, excluded: one.excluded, colour: colours.person(one.number) },
    ]);
    named = { people: cast.people, map: new Map(rows) };
  }
  return named.map;
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { named.people = null; });

const boxes = canvas
  ? new BoxCanvas(canvas, {
      size: { width: data.width, height: data.height },
      interval: data.interval_ms,
      emotions: data.emotions,
      people,
      onChoose: (id) => cast.choose(id, { scroll: true }),
      onMiss: () => player.toggle(),
    })
  : null;

const curves = new Curves({ url: data.urls.timeline, signInUrl, points: POINTS });

const player = new Player(element("player"), {
  duration: data.duration_ms,
  step: data.interval_ms,
  onTime: (ms, state) => follow(ms, state),
});

const charts = element("charts")
  ? new Charts(element("charts"), {
      curves,
      player,
      duration: data.duration_ms,
      emotions: data.emotions,
      people: () => cast.shown,
      chosen: () => cast.chosen,
      moments: () => cast.shown.flatMap((person) => person.moments.map((one) => ({ ...one, person: person.id }))),
      onTrouble: trouble,
      onRange: (from, to) => takeRange(from, to),
    })
  : null;

const moments = element("moments") ? new Moments(element("moments"), { cast }) : null;

/** Everything that goes along with the player. */
function follow(ms, { playing }) {
  draw(ms);
  charts?.move(ms, playing);
  moments?.move(ms);
  cast.move(ms);
}

function draw(ms) {
  if (!boxes) return;
  const tracks = pages.at(ms);
  // While a page is on its way the boxes of another moment would be wrong.
  const seen = boxes.draw(tracks ?? [], ms);
  const now = performance.now();
  if (player.playing && now - saidAt < SAY_EVERY) return;
  saidAt = now;
  inView.textContent = tracks ? sentence(seen) : "";
}

function sentence(seen) {
  if (!seen.length) return "Nobody is in view.";
  const known = people();
  return seen
    .map(({ person, strongest, share }) => {
      const emotion = data.emotions[strongest];
      const { title } = known.get(person);
      return emotion ? `${title}: ${emotion} ${percent(share)}` : title;
    })
    .join(" · ");
}

function side() {
  if (element("compare")) compare(element("compare"), cast.shown, data.emotions);
}

/** The clip of a download is the range of the charts until somebody writes another one. */
function takeRange(from, to) {
  for (const form of document.querySelectorAll("[data-clip]")) {
    if (form.dataset.touched) continue;
    form.elements.start.value = clock(from);
    form.elements.end.value = clock(to);
  }
}

for (const form of document.querySelectorAll("[data-clip]")) {
  form.addEventListener("input", () => { form.dataset.touched = "1"; });
  form.addEventListener("submit", (event) => {
    const from = readClock(form.elements.start.value);
    const to = readClock(form.elements.end.value);
    const wrong = from === null || to === null || from >= to;
    form.querySelector("[data-clip-wrong]").hidden = !wrong;
    if (wrong) event.preventDefault();
    else {
      form.elements.start_ms.value = from;
      form.elements.end_ms.value = to;
    }
  });
}

document.querySelector("[data-boxes-toggle]").addEventListener("click", ({ currentTarget }) => {
  const on = currentTarget.getAttribute("aria-pressed") !== "true";
  currentTarget.setAttribute("aria-pressed", String(on));
  boxes?.toggle(on);
});
document.querySelector("[data-compare]")?.addEventListener("click", (event) => {
  event.preventDefault();
  element("compare").scrollIntoView({ block: "start" });
  element("compare").focus({ preventScroll: true });
});

/** The player comes by itself once there is a copy that browsers can show. */
async function awaitPreview(place) {
  const bar = place.querySelector("progress");
  const address = `${place.dataset.statesUrl}?job=${place.dataset.previewMade}`;
  try {
    const [state] = (await fetchJson(address, signInUrl)).states;
    if (state?.preview?.status !== "queued") {
      location.reload();
      return;
    }
    bar.value = state.preview.progress;
  } catch (error) {
    if (!(error instanceof FetchError)) throw error;
    trouble(error);
    if (error.signedOut) return;
  }
  setTimeout(awaitPreview, PREVIEW_EVERY, place);
}

const waiting = document.querySelector("[data-preview-made]");
if (waiting) awaitPreview(waiting);
boxes?.choose(cast.chosen?.id ?? null);
charts?.refresh();
side();
// `#t=83.4` leads to a moment.
const asked = /^#t=([\d.:]+)$/.exec(location.hash);
player.seek(asked ? readClock(asked[1]) ?? 0 : 0);
