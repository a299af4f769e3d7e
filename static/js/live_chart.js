/** Lines of the last minute on a canvas, drawn while they move. */

const SPAN = 60_000;
/** A line breaks where nothing was known for so long. */
const GAP = 1500;
const EVERY = 200;
/** Below so many CSS pixels only every second time is written. */
const NARROW = 400;
const MARGIN = { top: 8, right: 10, bottom: 22, left: 40 };

/** Lines of the measures in colours of the page, chosen to differ from one another in light and dark. */
const MEASURES = {
  valence: { title: "Valence", colour: "--es-accent" },
  activation: { title: "Activation", colour: "--es-emotion-anger" },
  attention: { title: "Attention, last 3 s", colour: "--es-emotion-fear" },
};

export class LiveChart {
  /** `emotions` are the names of the lines of that kind; what is shown is chosen with `choose`. */
  constructor(canvas, legend, emotions) {
    Object.assign(this, { canvas, legend });
    const named = (name) => [name, { title: name.charAt(0).toUpperCase() + name.slice(1), colour: `--es-emotion-${name}` }];
    this.kinds = { emotions: Object.fromEntries(emotions.map(named)), measures: MEASURES };
    this.points = [];
    this.timer = null;
  }

  choose(kind) {
    this.kind = kind;
    const items = Object.values(this.kinds[kind]).map(({ title, colour }) => {
      const item = document.createElement("li");
      const line = document.createElement("span");
      line.style.setProperty("--line", `var(${colour})`);
      item.append(line, title);
      return item;
    });
    this.legend.replaceChildren(...items);
    this.draw();
  }

  /** Add what is known now: name -> value, of all kinds. */
  add(values) {
    const now = performance.now();
    this.points.push({ at: now, values });
    while (now - this.points[0].at > SPAN + GAP) this.points.shift();
  }

  start() {
    this.points = [];
    this.timer ??= setInterval(() => this.draw(), EVERY);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
  }

  draw() {
    const { clientWidth, clientHeight } = this.canvas;
    if (!clientWidth) return;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(clientWidth * ratio);
    this.canvas.height = Math.round(clientHeight * ratio);
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    const style = getComputedStyle(document.documentElement);
    const read = (name) => style.getPropertyValue(name).trim();
    const lowest = this.kind === "measures" ? -1 : 0;
    const inner = { width: clientWidth - MARGIN.left - MARGIN.right, height: clientHeight - MARGIN.top - MARGIN.bottom };
    const y = (value) => MARGIN.top + inner.height * (1 - (value - lowest) / (1 - lowest));
    const end = this.timer === null ? (this.points.at(-1)?.at ?? performance.now()) : performance.now();
    const x = (at) => MARGIN.left + inner.width * (1 - (end - at) / SPAN);
    this.#axes(context, { lowest, inner, x, y, end, read });
    context.save();
    context.beginPath();
    context.rect(MARGIN.left, 0, inner.width, clientHeight);
    context.clip();
    for (const [name, { colour }] of Object.entries(this.kinds[this.kind])) this.#line(context, name, read(colour), x, y);
    context.restore();
  }

  #axes(context, { lowest, inner, x, y, end, read }) {
    context.font = `11px ${getComputedStyle(document.body).fontFamily}`;
    context.fillStyle = read("--es-ink-soft");
    context.strokeStyle = read("--es-line");
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (const value of lowest < 0 ? [-1, -0.5, 0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1]) {
      context.beginPath();
      context.moveTo(MARGIN.left, Math.round(y(value)) + 0.5);
      context.lineTo(MARGIN.left + inner.width, Math.round(y(value)) + 0.5);
      context.stroke();
      context.fillText(lowest < 0 ? String(100 * value) : `${100 * value}%`, MARGIN.left - 6, y(value));
    }
    context.textBaseline = "alphabetic";
    for (const seconds of inner.width < NARROW ? [60, 30, 0] : [60, 45, 30, 15, 0]) {
      context.textAlign = seconds === 60 ? "left" : seconds ? "center" : "right";
      const words = seconds ? `${seconds} s ago` : "now";
      context.fillText(words, x(end - 1000 * seconds), MARGIN.top + inner.height + 16);
    }
  }

  #line(context, name, colour, x, y) {
    context.strokeStyle = colour;
    context.lineWidth = 2;
    context.lineJoin = "round";
    context.beginPath();
    let last = null;
    for (const { at, values } of this.points) {
      const value = values[name] ?? null;
      if (value === null) continue;
      if (last !== null && at - last < GAP) context.lineTo(x(at), y(value));
      else context.moveTo(x(at), y(value));
      last = at;
    }
    context.stroke();
  }
}
