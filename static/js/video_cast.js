/** The people beside the player: who is chosen, who is shown in the charts, and corrections of who is who. */

import { clock } from "./video_format.js";

/** So many people are in the charts at first; more lines would hide each other. */
const AT_FIRST = 3;
const MOST = 12;

export class Cast {
  /**
   * `onChoose(person)` when another person is chosen, `onShown()` when others are in the charts, `onChanged()`
   * when a correction made other people of them. `now()` is the moment of the player in milliseconds.
   */
  constructor({ now, onChoose, onShown, onChanged, onJump }) {
    Object.assign(this, { now, onChoose, onShown, onChanged, onJump });
    this.chosenId = null;
    this.#read();
    this.shownIds = new Set(this.counted().slice(0, AT_FIRST).map(({ id }) => id));
    this.chosenId = this.counted()[0]?.id ?? null;
    this.#mark();
    this.#listen();
  }

  get root() {
    return document.getElementById("video-people");
  }

  /** Those who are not left out come first. */
  counted() {
    const here = this.people.filter(({ excluded }) => !excluded);
    return here.length ? here : this.people;
  }

  get chosen() {
    return this.people.find(({ id }) => id === this.chosenId) ?? null;
  }

  /** Whom charts and comparison show, by number. */
  get shown() {
    return this.people.filter(({ id }) => this.shownIds.has(id)).slice(0, MOST);
  }

  choose(id, { scroll = false } = {}) {
    if (!this.people.some((person) => person.id === id)) return;
    this.chosenId = id;
    this.#mark();
    this.onChoose(this.chosen);
    // Only where the list scrolls by itself: the page must not jump away under the player.
    if (scroll) this.#row(id)?.scrollIntoView({ block: "nearest" });
  }

  /** Write the moment of the player into the buttons that split there. */
  move(ms) {
    const words = clock(ms);
    for (const place of this.root.querySelectorAll("details[open] [data-now]")) {
      if (place.textContent !== words) place.textContent = words;
    }
  }

  #row(id) {
    return this.root.querySelector(`[data-person="${id}"]`);
  }

  #read() {
    const data = JSON.parse(document.getElementById("cast-data").textContent);
    this.people = data.people;
    this.moments = data.moments;
  }

  #mark() {
    for (const row of this.root.querySelectorAll("[data-person]")) {
      const { person } = row.dataset;
      row.classList.toggle("is-chosen", person === this.chosenId);
      row.querySelector("[data-choose]").setAttribute("aria-pressed", String(person === this.chosenId));
      row.querySelector(".vid-tick").checked = this.shownIds.has(person);
    }
    const count = this.shown.length;
    const merge = this.root.querySelector("[data-merge]");
    if (merge) merge.disabled = count < 2;
    const words = this.root.querySelector("[data-chosen-words]");
    if (words) words.textContent = count ? `${count} ticked: in the charts` : "Nobody is ticked";
  }

  #listen() {
    document.addEventListener("click", (event) => {
      const row = event.target.closest("#video-people [data-person]");
      if (row && event.target.closest("[data-choose]")) this.choose(row.dataset.person);
      const jump = event.target.closest("[data-jump]");
      if (jump) this.onJump(Number(jump.dataset.jump));
    });
    document.addEventListener("change", (event) => {
      if (!event.target.matches(".vid-tick")) return;
      const { value, checked } = event.target;
      if (checked && this.shownIds.size >= MOST) {
        event.target.checked = false;
        this.root.querySelector("[data-said]").textContent = `Charts show ${MOST} people at most: take somebody out first.`;
        return;
      }
      if (checked) this.shownIds.add(value);
      else this.shownIds.delete(value);
      this.#mark();
      this.onShown();
    });
    document.addEventListener("toggle", (event) => {
      if (event.target.matches?.(".vid-edit")) this.move(this.now());
    }, true);
    document.body.addEventListener("htmx:confirm", (event) => this.#ask(event));
    document.body.addEventListener("htmx:configRequest", (event) => {
      const at = event.detail.elt.querySelector?.("[data-at]");
      if (at) event.detail.parameters.set("at_ms", Math.round(this.splitAt ?? this.now()));
    });
    document.body.addEventListener("htmx:afterSwap", (event) => {
      if (event.detail.target.id === "video-people") this.#changed();
    });
    for (const name of ["htmx:sendError", "htmx:responseError"]) {
      document.body.addEventListener(name, () => {
        this.root.querySelector("[data-said]").textContent =
          "That did not reach the server, or it did not answer as it should. Reload the page and try again.";
      });
    }
  }

  /** What cannot be undone is asked first, in a dialog that says what will happen. */
  #ask(event) {
    const form = event.detail.elt;
    const dialog = document.getElementById(form.dataset.asks ?? "");
    if (!dialog) return;
    event.preventDefault();
    dialog.querySelector("[data-asks-words]").textContent = this.#question(form);
    const agree = dialog.querySelector("[data-agrees]");
    const finish = new AbortController();
    agree.addEventListener("click", () => {
      dialog.close();
      event.detail.issueRequest(true);
    }, { signal: finish.signal });
    dialog.addEventListener("close", () => finish.abort(), { once: true });
    dialog.showModal();
  }

  #question(form) {
    if (form.dataset.asks === "merge-dialog") {
      const [first, ...others] = this.shown;
      const names = others.map(({ title }) => title);
      const last = names.pop();
      const list = names.length ? `${names.join(", ")} and ${last}` : last;
      return `What is seen of ${list} is counted to ${first.title} from now on.`;
    }
    this.splitAt = this.now();
    return `What is seen of ${form.dataset.name} from ${clock(this.splitAt)} on becomes another person.`;
  }

  /** Other people than before: whoever is still there stays chosen and shown, and new ones are shown too. */
  #changed() {
    const before = new Set(this.people.map(({ id }) => id));
    this.splitAt = null;
    this.#read();
    const there = new Set(this.people.map(({ id }) => id));
    for (const id of [...this.shownIds]) if (!there.has(id)) this.shownIds.delete(id);
    for (const id of there) if (!before.has(id) && this.shownIds.size < MOST) this.shownIds.add(id);
    if (!there.has(this.chosenId)) this.chosenId = this.counted()[0]?.id ?? null;
    this.#mark();
    // The form that had the focus is gone; the list itself is the nearest place.
    this.root.focus({ preventScroll: true });
    this.onChanged();
  }
}
