/** The charts under the player: which are shown, of whom, in which range of time. */

import { Chart } from "./video_chart.js";
import { FetchError } from "./video_fetch.js";
import { clock, look } from "./video_format.js";

const KEPT = "es-video-charts";
const FIRST = ["emotions", "valence", "engagement", "attention"];
/** A range is asked for when it has been still for this long. */
const REST = 140;
const NARROWEST = 2000;

export const METRICS = [
  { key: "emotions", title: "Emotions", tall: true },
  { key: "valence", title: "Valence", signed: true },
  { key: "activation", title: "Activation" },
  { key: "engagement", title: "Engagement" },
  { key: "satisfaction", title: "Satisfaction" },
  { key: "positive_score", title: "Positive" },
  { key: "neutral_score", title: "Neutral" },
  { key: "negative_score", title: "Negative" },
  { key: "attention", title: "Attention" },
  { key: "smile", title: "Smile" },
  { key: "eyes_open", title: "Eyes open" },
];

function kept() {
  try {
    const known = JSON.parse(localStorage.getItem(KEPT) ?? "null");
    return Array.isArray(known) && known.length ? known : FIRST;
  } catch {
    // Storage is switched off, or holds something else: the usual charts do.
    return FIRST;
  }
}

export class Charts {
  /**
   * `people()` gives [{id, number, title}] of whom lines are shown and `chosen()` the one whose eight
   * emotions are; `moments()` those to mark. `player` is asked to move, `onRange(from, to)` told of the zoom.
   */
  constructor(root, { curves, player, duration, emotions, people, chosen, moments, onTrouble, onRange }) {
    Object.assign(this, { root, curves, player, duration, emotions, people, chosen, moments, onTrouble, onRange });
    this.part = (name) => root.querySelector(`[data-charts-${name}]`);
    this.template = root.querySelector("template");
    this.charts = new Map();
    this.range = { from: 0, to: duration };
    this.metrics = METRICS.filter(({ key }) => root.querySelector(`[name="metric"][value="${key}"]`));
    this.timer = null;
    this.answer = { ms: [], people: new Map() };
    this.#listen();
    this.#choose();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  /** Ask for what is shown and draw it. */
  async refresh() {
    clearTimeout(this.timer);
    const { from, to } = this.range;
    const shown = this.people();
    const ids = shown.map(({ id }) => id);
    const chosen = this.chosen();
    if (chosen && !ids.includes(chosen.id)) ids.push(chosen.id);
    this.root.setAttribute("aria-busy", "true");
    try {
      const put = (answer) => {
        this.answer = answer;
        this.#draw();
      };
      const answer = await this.curves.between(Math.round(from), Math.round(to), ids, put);
      if (!answer) return;
      put(answer);
      this.onTrouble(null);
    } catch (error) {
      if (!(error instanceof FetchError)) throw error;
      this.onTrouble(error);
    }
    this.root.setAttribute("aria-busy", "false");
  }

  /** The playhead is at `ms`; while it plays, the range goes along with it. */
  move(ms, playing) {
    const { from, to } = this.range;
    if (playing && (ms < from || ms > to) && to - from < this.duration) this.zoom(ms, ms + (to - from));
    for (const chart of this.charts.values()) chart.move(ms);
  }

  /** Look at the milliseconds [from, to). */
  zoom(from, to) {
    const length = Math.min(Math.max(to - from, Math.min(NARROWEST, this.duration)), this.duration);
    const start = Math.min(Math.max(0, from), this.duration - length);
    this.range = { from: start, to: start + length };
    for (const chart of this.charts.values()) chart.zoom(this.range.from, this.range.to);
    this.#tellRange();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), REST);
  }

  /** Half or twice as much time around the playhead, where that is in view, else around the middle. */
  zoomBy(factor) {
    const { from, to } = this.range;
    const at = this.player.ms;
    const middle = at >= from && at <= to ? at : (from + to) / 2;
    const length = (to - from) * factor;
    this.zoom(middle - ((middle - from) / (to - from)) * length, middle + ((to - middle) / (to - from)) * length);
  }

  key(event) {
    const deeds = {
      "+": () => this.zoomBy(0.5),
      "=": () => this.zoomBy(0.5),
      "-": () => this.zoomBy(2),
      0: () => this.zoom(0, this.duration),
    };
    const deed = event.ctrlKey || event.metaKey || event.altKey ? null : deeds[event.key];
    if (!deed) {
      this.player.key(event);
      return;
    }
    event.preventDefault();
    deed();
  }

  #listen() {
    this.part("in").addEventListener("click", () => this.zoomBy(0.5));
    this.part("out").addEventListener("click", () => this.zoomBy(2));
    this.part("all").addEventListener("click", () => this.zoom(0, this.duration));
    this.part("left").addEventListener("click", () => this.#pan(-0.5));
    this.part("right").addEventListener("click", () => this.#pan(0.5));
    this.root.addEventListener("change", (event) => {
      if (event.target.name === "metric") {
        const on = [...this.root.querySelectorAll('[name="metric"]:checked')].map(({ value }) => value);
        try {
          localStorage.setItem(KEPT, JSON.stringify(on));
        } catch {
          // The choice then holds until the page is left.
        }
        this.#put(new Set(on));
        this.#draw();
      }
      if (event.target.name === "emotion") this.#draw();
    });
  }

  #pan(share) {
    const { from, to } = this.range;
    const by = (to - from) * share;
    this.zoom(from + by, to + by);
  }

  #choose() {
    const on = new Set(kept());
    for (const box of this.root.querySelectorAll('[name="metric"]')) box.checked = on.has(box.value);
    this.#put(on);
    this.#tellRange();
  }

  /** Make the charts that are chosen, take down the others. */
  #put(on) {
    for (const metric of this.metrics) {
      const known = this.charts.get(metric.key);
      if (known && !on.has(metric.key)) {
        known.destroy();
        this.charts.delete(metric.key);
      }
    }
    for (const metric of this.metrics) {
      if (!on.has(metric.key)) continue;
      const chart = this.charts.get(metric.key) ?? this.#make(metric);
      this.charts.set(metric.key, chart);
      this.part("place").append(chart.root);
    }
    this.part("none").hidden = on.size > 0;
  }

  #make(metric) {
    const root = this.template.content.firstElementChild.cloneNode(true);
    root.dataset.metric = metric.key;
    root.querySelector("[data-chart-title]").textContent = metric.title;
    const select = root.querySelector('[name="emotion"]');
    if (metric.tall) {
      for (const name of this.emotions) select.add(new Option(`${name}, everyone shown`, name));
    } else select.closest("label").remove();
    const chart = new Chart(root, {
      metric,
      duration: this.duration,
      height: metric.tall ? 210 : 150,
      onSeek: (ms) => this.player.seek(ms),
      onZoom: (from, to) => this.zoom(from, to),
      onKey: (event) => this.key(event),
    });
    chart.zoom(this.range.from, this.range.to);
    return chart;
  }

  #draw() {
    const colours = look();
    for (const [key, chart] of this.charts) {
      const lines = key === "emotions" ? this.#emotionLines(chart, colours) : this.#lines(key, colours);
      chart.show({ ms: this.answer.ms, lines, moments: this.#momentsOf(key, chart), look: colours });
      chart.move(this.player.ms);
    }
  }

  #lines(column, colours) {
    return this.people().map((person) => ({
      label: person.title,
      colour: colours.person(person.number),
      // Eight colours return; from the ninth person on the line is broken as well.
      dash: person.number > 8 ? [6, 4] : undefined,
      values: this.#values(person.id, column),
    }));
  }

  /** All eight of the chosen person, or one emotion of everybody who is shown. */
  #emotionLines(chart, colours) {
    const { value } = chart.root.querySelector('[name="emotion"]');
    const note = chart.root.querySelector("[data-chart-note]");
    if (value) {
      note.textContent = "";
      return this.#lines(value, colours);
    }
    const person = this.chosen();
    note.textContent = person ? person.title : "";
    if (!person) return [];
    return this.emotions.map((name) => ({
      label: name,
      colour: colours.emotion(name),
      values: this.#values(person.id, name),
    }));
  }

  #values(id, column) {
    return this.answer.people.get(id)?.[column] ?? new Array(this.answer.ms.length).fill(null);
  }

  /** Each kind of moment where it says something: peaks on emotions, the most engaging on engagement. */
  #momentsOf(key, chart) {
    const kinds = { emotions: ["peak", "rejection"], engagement: ["engaging"], attention: ["rejection"], valence: ["rejection"] }[key] ?? [];
    const one = chart.root.querySelector('[name="emotion"]')?.value;
    const alone = key === "emotions" && !one ? this.chosen()?.id : null;
    return this.moments().filter(
      (moment) =>
        kinds.includes(moment.kind) &&
        (!alone || moment.person === alone) &&
        (!one || moment.kind !== "peak" || moment.emotion === one),
    );
  }

  #tellRange() {
    const { from, to } = this.range;
    const whole = to - from >= this.duration;
    this.part("range").textContent = whole ? "The whole video" : `${clock(from)} to ${clock(to)}`;
    for (const name of ["out", "all", "left", "right"]) this.part(name).disabled = whole;
    this.onRange(from, to);
  }
}
