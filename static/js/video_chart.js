/** One line chart over the time of a video: drawn by uPlot, moved through by pointer and keys. */

import { clock, percent, signed, spoken } from "./video_format.js";

/** A drag of fewer CSS pixels than this is a click. */
const STILL = 4;
const MARKS = { peak: "wait", rejection: "bad", engaging: "good" };

/** The values of an axis of time: whole seconds, minutes or hours apart. */
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];

export class Chart {
  /**
   * `root` is a copy of the page's template. `metric`: {key, title, signed}. `onSeek(ms)` while the pointer
   * scrubs, `onZoom(from, to)` in ms for a chosen range, `onKey(event)` for keys that the player knows.
   */
  constructor(root, { metric, duration, height, onSeek, onZoom, onKey }) {
    Object.assign(this, { root, metric, duration, height, onSeek, onZoom, onKey });
    this.place = root.querySelector("[data-chart-place]");
    this.legend = root.querySelector("[data-chart-legend]");
    this.cursor = document.createElement("div");
    this.cursor.className = "vid-cursor";
    this.series = [];
    this.moments = [];
    this.range = { from: 0, to: duration };
    this.at = 0;
    this.plot = null;
    this.place.setAttribute("aria-label", `${metric.title}: a place in time`);
    this.place.setAttribute("aria-valuemin", "0");
    this.place.setAttribute("aria-valuemax", String(duration));
    this.place.addEventListener("keydown", (event) => this.onKey(event));
    this.observer = new ResizeObserver(() => this.#fit());
    this.observer.observe(this.place);
  }

  /**
   * Show lines. `ms`: times; `lines`: [{label, colour, values, dash}]; `moments`: [{kind, ms, end_ms, at_ms}];
   * `look` as of video_format.js. A chart is made anew where its lines are others, else only its data change.
   */
  show({ ms, lines, moments, look }) {
    this.moments = moments;
    this.look = look;
    const data = [ms.map((at) => at / 1000), ...lines.map((line) => line.values)];
    const kind = JSON.stringify(lines.map(({ label, colour, dash }) => [label, colour, dash]).concat(look.ink));
    if (this.plot && this.kind === kind) {
      this.data = data;
      this.plot.batch(() => {
        this.plot.setData(data, false);
        this.#scale();
      });
    } else {
      this.kind = kind;
      this.data = data;
      this.#make(lines);
    }
    this.move(this.at);
  }

  /** Show another range of time. */
  zoom(from, to) {
    this.range = { from, to };
    if (this.plot) this.#scale();
    this.move(this.at);
  }

  /** Put the line of the playhead to `ms`, and its figures into the legend. Cheap: no canvas is drawn. */
  move(ms) {
    this.at = ms;
    if (!this.plot) return;
    const { width } = this.plot.over.getBoundingClientRect();
    const x = ((ms - this.range.from) / (this.range.to - this.range.from)) * width;
    this.cursor.hidden = x < 0 || x > width;
    this.cursor.style.transform = `translateX(${x}px)`;
    this.#tell();
  }

  /** Figures in words for readers of screens; said while this chart has the focus. */
  #tell() {
    const index = this.#indexAt(this.at);
    const words = [];
    this.series.forEach((line, number) => {
      const value = index === null ? null : this.#value(number, index);
      const text = this.#write(value);
      if (line.figure.textContent !== text) line.figure.textContent = text;
      words.push(`${line.label} ${text}`);
    });
    if (document.activeElement !== this.place) return;
    this.place.setAttribute("aria-valuenow", String(Math.round(this.at)));
    this.place.setAttribute("aria-valuetext", `${spoken(this.at)}: ${words.slice(0, 8).join(", ")}`);
  }

  destroy() {
    this.observer.disconnect();
    this.plot?.destroy();
    this.root.remove();
  }

  #write(value) {
    return this.metric.signed ? signed(value) : percent(value);
  }

  /** The last value at or before an index that is one: lines of several people have gaps for each other. */
  #value(number, index) {
    const values = this.data[number + 1];
    for (let at = index; at >= 0 && at > index - 8; at -= 1) {
      if (values[at] !== undefined) return values[at];
    }
    return null;
  }

  #indexAt(ms) {
    const times = this.data?.[0] ?? [];
    if (!times.length) return null;
    const index = this.plot.valToIdx(ms / 1000);
    return index > 0 && times[index] > ms / 1000 ? index - 1 : index;
  }

  #scale() {
    this.plot.setScale("x", { min: this.range.from / 1000, max: this.range.to / 1000 });
  }

  #fit() {
    const width = Math.floor(this.place.clientWidth);
    if (this.plot && width > 0 && width !== this.plot.width) {
      this.plot.setSize({ width, height: this.height });
      this.move(this.at);
    }
  }

  #make(lines) {
    this.plot?.destroy();
    this.#makeLegend(lines);
    const { look } = this;
    const axis = { stroke: look.soft, font: `11px ${look.font}`, grid: { stroke: look.line, width: 1 }, ticks: { show: false } };
    const low = this.metric.signed ? -1 : 0;
    this.plot = new window.uPlot(
      {
        width: Math.max(100, Math.floor(this.place.clientWidth)),
        height: this.height,
        padding: [14, 8, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, points: { show: false }, sync: { key: "video" } },
        scales: { x: { time: false, auto: false }, y: { auto: false, range: [low, 1] } },
        axes: [
          { ...axis, incrs: STEPS, space: 64, size: 26, values: (plot, marks) => marks.map((at) => clock(at * 1000, !Number.isInteger(marks[1] - marks[0]))) },
          { ...axis, size: 44, incrs: [0.25, 0.5, 1], space: 22, values: (plot, marks) => marks.map((mark) => (this.metric.signed ? String(mark).replace("-", "−") : percent(mark))) },
        ],
        series: [
          {},
          ...lines.map((line) => ({
            label: line.label,
            stroke: line.colour,
            width: line.width ?? 1.75,
            dash: line.dash,
            points: { show: false },
          })),
        ],
        hooks: {
          drawClear: [(plot) => this.#paintRanges(plot)],
          // A new plot has no width before it is first drawn, so the playhead is put in its place here.
          draw: [(plot) => this.#paintMarks(plot), () => this.move(this.at)],
        },
      },
      this.data,
      this.place,
    );
    this.#scale();
    this.plot.over.append(this.cursor);
    this.plot.root.setAttribute("aria-hidden", "true");
    this.#listen();
  }

  #makeLegend(lines) {
    this.series = lines.map((line) => {
      const item = document.createElement("li");
      const dot = document.createElement("span");
      dot.className = "vid-swatch";
      dot.style.setProperty("--swatch", line.colour);
      const figure = document.createElement("strong");
      item.append(dot, `${line.label} `, figure);
      return { label: line.label, figure, item };
    });
    this.legend.replaceChildren(...this.series.map(({ item }) => item));
  }

  /** Seconds that are moments, as a ground behind the lines. */
  #paintRanges({ ctx, bbox, valToPos }) {
    ctx.save();
    ctx.globalAlpha = 0.13;
    for (const moment of this.moments) {
      const from = Math.max(bbox.left, valToPos(moment.ms / 1000, "x", true));
      const to = Math.min(bbox.left + bbox.width, valToPos(moment.end_ms / 1000, "x", true));
      if (to < bbox.left || from > bbox.left + bbox.width) continue;
      ctx.fillStyle = this.look[MARKS[moment.kind]];
      ctx.fillRect(from, bbox.top, Math.max(2, to - from), bbox.height);
    }
    ctx.restore();
  }

  /** A mark above each moment: a triangle for a peak, a cross for rejection, a disc for the most engaging. */
  #paintMarks({ ctx, bbox, valToPos }) {
    const ratio = window.uPlot.pxRatio;
    const size = 4.5 * ratio;
    ctx.save();
    for (const moment of this.moments) {
      const x = valToPos(moment.at_ms / 1000, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      const y = bbox.top - 6 * ratio;
      ctx.fillStyle = ctx.strokeStyle = this.look[MARKS[moment.kind]];
      ctx.lineWidth = 2 * ratio;
      ctx.beginPath();
      if (moment.kind === "rejection") {
        ctx.moveTo(x - size, y - size);
        ctx.lineTo(x + size, y + size);
        ctx.moveTo(x + size, y - size);
        ctx.lineTo(x - size, y + size);
        ctx.stroke();
      } else if (moment.kind === "engaging") {
        ctx.arc(x, y, size, 0, 2 * Math.PI);
        ctx.fill();
      } else {
        ctx.moveTo(x - size, y - size);
        ctx.lineTo(x + size, y - size);
        ctx.lineTo(x, y + size);
        ctx.fill();
      }
    }
    ctx.restore();
  }

  /** A press or drag scrubs; with Shift held it chooses a range to look at more closely. */
  #listen() {
    const { over } = this.plot;
    const placeOf = (event) => {
      const { left, width } = over.getBoundingClientRect();
      const x = Math.min(Math.max(0, event.clientX - left), width);
      return { x, ms: this.range.from + (x / width) * (this.range.to - this.range.from) };
    };
    let begun = null;
    over.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.place.focus({ preventScroll: true });
      begun = { ...placeOf(event), range: event.shiftKey };
      over.setPointerCapture(event.pointerId);
      if (!begun.range) this.onSeek(begun.ms);
      event.preventDefault();
    });
    over.addEventListener("pointermove", (event) => {
      if (!begun) return;
      const now = placeOf(event);
      if (!begun.range) this.onSeek(now.ms);
      else {
        const left = Math.min(now.x, begun.x);
        this.plot.setSelect({ left, top: 0, width: Math.abs(now.x - begun.x), height: over.clientHeight }, false);
      }
    });
    const end = (event) => {
      if (begun?.range) {
        const now = placeOf(event);
        this.plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        const [from, to] = [begun.ms, now.ms].sort((a, b) => a - b);
        if (event.type === "pointerup" && Math.abs(now.x - begun.x) > STILL) this.onZoom(from, to);
      }
      begun = null;
    };
    over.addEventListener("pointerup", end);
    over.addEventListener("pointercancel", end);
  }
}
