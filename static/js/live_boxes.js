/** The boxes over the camera's picture: a number and the strongest emotion, mirrored as the picture is. */

const SVG = "http://www.w3.org/2000/svg";
const FONT = 13;
const PAD = 7;

function make(name, attributes = {}, parent = null) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent?.append(element);
  return element;
}

function place(element, attributes) {
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
}

export class Boxes {
  /** `onChoose(track)` is called when somebody clicks at a face. */
  constructor(svg, onChoose) {
    this.svg = svg;
    this.drawn = new Map();
    svg.addEventListener("click", (event) => {
      const box = event.target.closest("[data-track]");
      if (box) onChoose(Number(box.dataset.track));
    });
  }

  /** Draw the faces of an answer; the box of the `chosen` track stands out. */
  show({ width, height, faces }, chosen) {
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const shown = this.svg.getBoundingClientRect();
    // Pixels of the picture for one of the screen.
    const unit = 1 / (Math.min(shown.width / width, shown.height / height) || 1);
    const here = new Set(faces.map((face) => face.track));
    for (const [track, box] of this.drawn) {
      if (here.has(track)) continue;
      box.group.remove();
      this.drawn.delete(track);
    }
    for (const face of faces) this.#place(face, width, unit, face.track === chosen);
  }

  clear() {
    this.svg.replaceChildren();
    this.drawn.clear();
  }

  #place(face, width, unit, chosen) {
    const box = this.drawn.get(face.track) ?? this.#make(face.track);
    const { box: at, strongest } = face;
    const left = width - at.left - at.width;
    const words = strongest ? `${face.track}  ${strongest} ${Math.round(100 * face.emotions[strongest])}%` : `${face.track}`;
    box.group.setAttribute("class", `live-box${strongest ? ` emotion-${strongest}` : ""}${chosen ? " is-chosen" : ""}`);
    const outline = { x: left, y: at.top, width: at.width, height: at.height, rx: 6 * unit };
    place(box.casing, outline);
    place(box.line, outline);
    if (box.words.textContent !== words) box.words.textContent = words;
    const dot = strongest ? 1 : 0;
    const high = 24 * unit;
    box.words.setAttribute("font-size", String(FONT * unit));
    const wide = box.words.getComputedTextLength() + (2 * PAD + dot * 15) * unit;
    // Above the box, or inside where it would be cut off; never past the edges.
    const top = at.top - high - 3 * unit < 0 ? at.top + 3 * unit : at.top - high - 3 * unit;
    const start = Math.max(0, Math.min(left, width - wide));
    place(box.ground, { x: start, y: top, width: wide, height: high, rx: 5 * unit });
    place(box.dot, { cx: start + (PAD + 4) * unit, cy: top + high / 2, r: dot * 4.5 * unit });
    place(box.words, { x: start + (PAD + dot * 15) * unit, y: top + high / 2 + 0.35 * FONT * unit });
  }

  #make(track) {
    const group = make("g", { "data-track": track }, this.svg);
    const box = {
      group,
      casing: make("rect", { class: "live-box-casing" }, group),
      line: make("rect", { class: "live-box-line" }, group),
      ground: make("rect", { class: "live-tag-ground" }, group),
      dot: make("circle", {}, group),
      words: make("text", {}, group),
    };
    this.drawn.set(track, box);
    return box;
  }
}
