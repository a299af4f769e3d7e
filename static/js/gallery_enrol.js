/** Enrolment by drag and drop on a person's page: a few photos at a time, each with what became of it. */

import { connectDrop } from "./gallery_drop.js";
import { pickFace } from "./gallery_picker.js";
import { send } from "./gallery_send.js";

const AT_ONCE = 2;
const QUALITY = { high: "good quality", medium: "fair quality", low: "poor quality" };
const root = document.getElementById("enrol");
const rows = root.querySelector("[data-rows]");
const status = root.querySelector("[data-drop-status]");
const waiting = [];
let sending = 0;
/** One question at a time: a second dialog would hide the first. */
let asking = Promise.resolve();

class Row {
  constructor(file) {
    this.file = file;
    this.element = root.querySelector("template").content.firstElementChild.cloneNode(true);
    this.part = (name) => this.element.querySelector(`[data-${name}]`);
    this.part("name").textContent = file.name;
    this.part("name").title = file.name;
    this.part("bar").setAttribute("aria-label", `Upload of ${file.name}`);
    this.part("again").addEventListener("click", () => queue(this));
    this.part("choose").addEventListener("click", () => this.ask());
    this.preview();
    rows.append(this.element);
  }

  preview() {
    const image = this.part("thumb");
    this.address = URL.createObjectURL(this.file);
    image.hidden = false;
    image.addEventListener("error", () => { image.hidden = true; });
    image.addEventListener("load", () => URL.revokeObjectURL(this.address), { once: true });
    image.src = this.address;
  }

  /** `state` of the row: waiting, sending, done, failed or choose; `buttons` those that are shown. */
  show(state, words, { share = 0, buttons = [] } = {}) {
    this.element.dataset.state = state;
    this.part("bar").value = share;
    this.part("words").textContent = words;
    for (const name of ["again", "choose"]) this.part(name).hidden = !buttons.includes(name);
  }

  async send(box = "") {
    this.show("sending", "Uploading");
    const fields = box ? { file: this.file, box } : { file: this.file };
    const answer = await send(root.dataset.url, fields, {
      signInUrl: root.dataset.signInUrl,
      onProgress: (share) => this.show("sending", share < 1 ? `Uploading, ${Math.floor(share * 100)}%` : "Looking for the face", { share }),
    });
    if (answer.ok && answer.body.face_id) this.done(answer.body);
    else if (answer.ok) {
      // Nothing is enrolled yet: these are the faces to choose from.
      this.choice = answer.body;
      this.show("choose", `${this.choice.faces.length} faces: which one is it?`, { buttons: ["choose"] });
      this.ask();
    } else {
      const why = (answer.body?.reasons ?? []).map((reason) => reason.message).join(" ");
      this.show("failed", `${answer.sentence} ${why}`.trim(), { buttons: answer.passing ? ["again"] : [] });
    }
  }

  done({ quality, reasons, picture }) {
    const words = ["Enrolled", quality ? `, ${QUALITY[quality]}` : "", reasons.length ? `. ${reasons.join(" ")}` : ""];
    this.show("done", words.join(""));
    this.element.dataset.quality = quality;
    if (picture) {
      this.part("thumb").hidden = false;
      this.part("thumb").src = picture;
    }
    changed = true;
  }

  ask() {
    asking = asking.then(async () => {
      const { width, height, faces } = this.choice;
      const box = await pickFace({ file: this.file, width, height, faces });
      if (box) queue(this, box);
      else this.part("choose").focus();
    });
  }
}

let changed = false;

function queue(row, box = "") {
  row.show("waiting", "Waiting");
  waiting.push([row, box]);
  pump();
}

async function pump() {
  while (sending < AT_ONCE && waiting.length > 0) {
    const [row, box] = waiting.shift();
    sending += 1;
    row.send(box).finally(() => {
      sending -= 1;
      pump();
      summarise();
    });
  }
}

/** Say how it went, and show the new faces, once nothing is under way. */
function summarise() {
  if (sending > 0 || waiting.length > 0) return;
  const count = (state) => rows.querySelectorAll(`[data-state="${state}"]`).length;
  const parts = [`${count("done")} enrolled`];
  if (count("failed")) parts.push(`${count("failed")} not`);
  if (count("choose")) parts.push(`${count("choose")} to choose a face in`);
  status.textContent = `${parts.join(", ")}.`;
  if (!changed) return;
  changed = false;
  const target = document.getElementById("faces");
  window.htmx.ajax("GET", target.dataset.url, { target: "#faces", swap: "outerHTML" });
}

connectDrop(root, (files) => {
  root.querySelector("[data-panel]").hidden = false;
  for (const { file, refusal } of files) {
    const row = new Row(file);
    if (refusal) row.show("failed", refusal);
    else queue(row);
  }
});
