/** The panel of the chosen face: which one, its eight bars, and valence, activation and attention. */

/** Attention of a frame is yes or no: shown is its share over the last so many milliseconds. */
const ATTENTION_OVER = 3000;

export class FacePanel {
  /** `root` holds the elements of templates/live/_face.html; `onChoose(track)` says that a face was chosen. */
  constructor(root, onChoose) {
    const find = (name) => root.querySelector(`[data-${name}]`);
    this.title = find("face-title");
    this.words = find("face-words");
    this.choice = find("faces");
    this.bars = [...root.querySelectorAll("[data-emotion]")];
    this.measures = [...root.querySelectorAll("[data-measure]")];
    this.looked = [];
    this.offered = "";
    this.choice.addEventListener("change", (event) => onChoose(Number(event.target.value)));
  }

  /** Show a face of an answer (null: there is none) among all tracks of it. Returns its measures as shown. */
  show(face, tracks) {
    this.#offer(tracks, face?.track);
    if (!face) {
      this.title.textContent = "Looking for a face";
      this.words.textContent = "Nobody is in the picture.";
      return this.#empty();
    }
    this.title.textContent = `Face ${face.track}`;
    this.words.textContent = this.#describe(face);
    for (const bar of this.bars) {
      const share = face.emotions?.[bar.dataset.emotion] ?? null;
      this.#set(bar, share, 0);
      bar.classList.toggle("is-strongest", bar.dataset.emotion === face.strongest);
    }
    const measures = { ...face.metrics, attention: this.#attention(face) };
    for (const measure of this.measures) this.#set(measure, measures[measure.dataset.measure], Number(measure.dataset.least));
    return measures;
  }

  #describe(face) {
    const words = [];
    if (face.age !== null) words.push(`looks about ${Math.round(face.age)}`);
    if (face.gender) words.push(`${face.gender} (${Math.round(100 * face.gender_confidence)}%)`);
    const { yaw, pitch } = face.head_pose;
    words.push(`head turned ${Math.round(Math.abs(yaw))}°, tilted ${Math.round(Math.abs(pitch))}°`);
    const text = words.join(" · ");
    return text.charAt(0).toUpperCase() + text.slice(1);
  }

  /** Share of the last seconds in which this face looked at the camera; null while that is unknown. */
  #attention(face) {
    const now = performance.now();
    if (this.looked.at(-1)?.track !== face.track) this.looked = [];
    if (face.metrics.attention !== null) this.looked.push({ at: now, track: face.track, value: face.metrics.attention });
    while (this.looked.length && now - this.looked[0].at > ATTENTION_OVER) this.looked.shift();
    if (!this.looked.length) return null;
    return this.looked.reduce((sum, { value }) => sum + value, 0) / this.looked.length;
  }

  #set(row, value, least) {
    const fill = row.querySelector("[data-fill]");
    const text = value === null ? "–" : `${Math.round(100 * value)}${least < 0 ? "" : "%"}`;
    row.querySelector("[data-value]").textContent = text;
    // From -1 to 1 the bar begins in the middle and is half as long.
    fill.style.transform = `scaleX(${value === null ? 0 : value})`;
  }

  #empty() {
    this.looked = [];
    for (const row of [...this.bars, ...this.measures]) {
      this.#set(row, null, 0);
      row.classList.remove("is-strongest");
    }
    return { valence: null, activation: null, attention: null };
  }

  /** One radio button per face, made anew only when other faces are there: a focused button stays. */
  #offer(tracks, chosen) {
    const offered = tracks.join(" ");
    if (offered !== this.offered) {
      this.offered = offered;
      this.choice.hidden = tracks.length < 2;
      this.choice.replaceChildren(
        ...tracks.map((track) => {
          const label = document.createElement("label");
          const input = Object.assign(document.createElement("input"), { type: "radio", name: "face", value: String(track) });
          label.append(input, `Face ${track}`);
          return label;
        }),
      );
    }
    for (const input of this.choice.querySelectorAll("input")) input.checked = Number(input.value) === chosen;
  }
}
