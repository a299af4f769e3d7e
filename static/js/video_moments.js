/** The list of moments: what stands out, of one person or of everyone together, each with a jump to it. */

import { clock, percent } from "./video_format.js";

const KINDS = {
  peak: { mark: "▼", words: ({ emotion }) => `Peak of ${emotion}` },
  engaging: { mark: "●", words: () => "Most engaging" },
  rejection: { mark: "×", words: ({ emotion }) => (emotion ? `Rejection: ${emotion}` : "Rejection: looks away") },
};

export class Moments {
  constructor(root, { cast }) {
    this.root = root;
    this.cast = cast;
    this.select = root.querySelector("[data-moments-of]");
    this.place = root.querySelector("[data-moments-place]");
    this.select.addEventListener("change", () => this.#list());
    this.refresh();
  }

  /** Other people, or other names. */
  refresh() {
    const { value } = this.select;
    const people = this.cast.people.map(({ id, title }) => new Option(`of ${title}`, id));
    this.select.replaceChildren(new Option("of everyone together", ""), ...people);
    this.select.value = this.cast.people.some(({ id }) => id === value) ? value : "";
    this.#list();
  }

  /** The moments of one person. */
  of(id) {
    this.select.value = id;
    this.#list();
  }

  /** Light up the moment that the player is in. */
  move(ms) {
    for (const item of this.items ?? []) {
      const here = ms >= item.moment.ms && ms <= item.moment.end_ms;
      if (here !== item.here) {
        item.here = here;
        item.element.classList.toggle("is-here", here);
      }
    }
  }

  #list() {
    const { value } = this.select;
    const person = this.cast.people.find(({ id }) => id === value);
    const moments = person ? person.moments : this.cast.moments;
    this.items = moments.map((moment) => ({ moment, here: false, element: this.#item(moment) }));
    this.place.replaceChildren(...this.items.map(({ element }) => element));
    this.root.querySelector("[data-moments-none]").hidden = moments.length > 0;
  }

  #item(moment) {
    const { mark, words } = KINDS[moment.kind];
    const item = document.createElement("li");
    const jump = document.createElement("button");
    jump.type = "button";
    jump.className = "vid-moment";
    // The start, so that whoever looks sees how it comes about.
    jump.dataset.jump = moment.kind === "peak" ? Math.max(moment.ms, moment.at_ms - 500) : moment.ms;
    const sign = document.createElement("span");
    sign.className = `vid-mark vid-mark-${moment.kind}`;
    sign.setAttribute("aria-hidden", "true");
    sign.textContent = mark;
    const time = document.createElement("span");
    time.className = "vid-moment-time";
    time.textContent = clock(moment.at_ms);
    const text = document.createElement("span");
    text.textContent = words(moment);
    const value = document.createElement("span");
    value.className = "es-soft vid-moment-value";
    value.textContent = percent(moment.value);
    jump.append(sign, time, text, value);
    item.append(jump);
    return item;
  }
}
