/** Boxes, names and the strongest emotion over the video, in time with it. */

import { percent } from "./video_format.js";

const DARK = "rgb(15 20 26 / 88%)";
const CASING = "rgb(0 0 0 / 60%)";
const LIT = "#3fd0e8";
const FONT = 13;
/** Finding a box with a finger must not need a steady hand. */
const REACH = 8;

/** Where a person is at `ms`, between the frames that were analysed; null while they are out of view. */
export function boxAt(track, ms, interval) {
  const times = track.ms;
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= ms) low = middle + 1;
    else high = middle;
  }
  const before = low - 1;
  const after = low;
  // A face that is missing in two analysed frames in a row has left.
  const near = 2.5 * interval;
  if (before < 0) return after < times.length && times[after] - ms <= interval / 2 ? sample(track, after) : null;
  if (after >= times.length || times[after] - times[before] > near) {
    return ms - times[before] <= 1.5 * interval ? sample(track, before) : null;
  }
  const part = (ms - times[before]) / (times[after] - times[before]);
  const from = track.boxes[before];
  const to = track.boxes[after];
  const found = sample(track, part < 0.5 ? before : after);
  found.box = from.map((value, index) => value + part * (to[index] - value));
  return found;
}

function sample(track, index) {
  return {
    person: track.person,
    box: track.boxes[index],
    strongest: track.strongest[index],
    share: track.share[index],
  };
}

export class BoxCanvas {
  /**
   * `size`: {width, height} of the upright video in pixels. `people()` gives Map(id -> {title, excluded,
   * colour}). `onChoose(id)` is told of a click on a box, `onMiss()` of one beside all boxes.
   */
  constructor(canvas, { size, interval, emotions, people, onChoose, onMiss }) {
    Object.assign(this, { canvas, size, interval, emotions, people, onChoose, onMiss });
    this.context = canvas.getContext("2d");
    this.shown = [];
    this.chosen = null;
    this.on = true;
    this.last = { tracks: [], ms: 0 };
    new ResizeObserver(() => this.#fit()).observe(canvas);
    canvas.addEventListener("click", (event) => this.#click(event));
    canvas.addEventListener("pointermove", (event) => {
      canvas.classList.toggle("is-over-box", Boolean(this.#hit(event)));
    });
    this.#fit();
  }

  choose(id) {
    this.chosen = id;
    this.redraw();
  }

  toggle(on) {
    this.on = on;
    this.redraw();
  }

  redraw() {
    this.draw(this.last.tracks, this.last.ms);
  }

  /** Draw who is in view at `ms`; returns them: [{person, box, strongest, share}]. */
  draw(tracks, ms) {
    this.last = { tracks, ms };
    const { context, canvas } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    const people = this.people();
    this.shown = tracks
      .map((track) => boxAt(track, ms, this.interval))
      .filter((found) => found && people.has(found.person));
    if (!this.on) return this.shown;
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    // The chosen one comes last, over all others.
    const order = [...this.shown].sort((a, b) => (a.person === this.chosen) - (b.person === this.chosen));
    for (const found of order) this.#one(found, people.get(found.person));
    return this.shown;
  }

  #fit() {
    const { clientWidth, clientHeight } = this.canvas;
    this.ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(clientWidth * this.ratio);
    this.canvas.height = Math.round(clientHeight * this.ratio);
    // As `object-fit: contain` places the video in the same area.
    this.scale = Math.min(clientWidth / this.size.width, clientHeight / this.size.height);
    this.left = (clientWidth - this.size.width * this.scale) / 2;
    this.top = (clientHeight - this.size.height * this.scale) / 2;
    this.redraw();
  }

  #onScreen([left, top, width, height]) {
    const { scale } = this;
    return [this.left + left * scale, this.top + top * scale, width * scale, height * scale];
  }

  #one(found, person) {
    const { context } = this;
    const [left, top, width, height] = this.#onScreen(found.box);
    const lit = found.person === this.chosen;
    const faded = person.excluded || (this.chosen && !lit && this.shown.some((one) => one.person === this.chosen));
    context.globalAlpha = faded ? 0.75 : 1;
    context.setLineDash(person.excluded ? [6, 5] : []);
    context.strokeStyle = CASING;
    context.lineWidth = lit ? 7 : 5;
    context.strokeRect(left, top, width, height);
    context.strokeStyle = lit ? LIT : person.colour;
    context.lineWidth = lit ? 3.5 : 2.5;
    context.strokeRect(left, top, width, height);
    context.setLineDash([]);
    this.#label(found, person, lit, [left, top, width, height]);
    context.globalAlpha = 1;
  }

  #label(found, person, lit, [left, top, , height]) {
    const { context, canvas } = this;
    const emotion = this.emotions[found.strongest];
    const lines = [person.title];
    if (emotion && !person.excluded) lines.push(`${emotion} ${percent(found.share)}`);
    context.font = `650 ${FONT}px ${getComputedStyle(canvas).fontFamily}`;
    const wide = Math.max(...lines.map((line) => context.measureText(line).width)) + 12;
    const tall = lines.length * (FONT + 4) + 6;
    const x = Math.max(2, Math.min(left, canvas.clientWidth - wide - 2));
    const above = top - tall - 4;
    const y = above >= 0 ? above : Math.min(top + height + 4, canvas.clientHeight - tall - 2);
    context.fillStyle = lit ? LIT : DARK;
    context.beginPath();
    context.roundRect(x, y, wide, tall, 4);
    context.fill();
    context.textBaseline = "top";
    lines.forEach((line, index) => {
      context.fillStyle = lit ? "#06242b" : index ? "#d5dde6" : "#fff";
      context.fillText(line, x + 6, y + 5 + index * (FONT + 4));
    });
  }

  /** The smallest box under the pointer: somebody behind another one can be chosen too. */
  #hit(event) {
    if (!this.on) return null;
    const place = this.canvas.getBoundingClientRect();
    const x = event.clientX - place.left;
    const y = event.clientY - place.top;
    const under = this.shown.filter((found) => {
      const [left, top, width, height] = this.#onScreen(found.box);
      return x >= left - REACH && x <= left + width + REACH && y >= top - REACH && y <= top + height + REACH;
    });
    return under.sort((a, b) => a.box[2] * a.box[3] - b.box[2] * b.box[3])[0] ?? null;
  }

  #click(event) {
    const found = this.#hit(event);
    if (found) this.onChoose(found.person);
    else this.onMiss();
  }
}
