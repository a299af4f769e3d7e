/** 'Who is this?': shows a photo with boxes, and for every face who it may be. */

import { facePicture, lightBox, showBoxes } from "./gallery_boxes.js";
import { connectDrop } from "./gallery_drop.js";
import { send } from "./gallery_send.js";
import { connectWhoFields } from "./gallery_who_field.js";

const QUALITY = { high: "good quality", medium: "fair quality", low: "poor quality" };
const root = document.getElementById("who");
const result = document.getElementById("who-result");
const figure = result.querySelector("[data-picture]");
const list = result.querySelector("[data-faces]");
const status = document.getElementById("who-status");
const { signInUrl } = root.dataset;
let shown = null;
let latest = 0;

/** Nobody is entirely sure. */
function percent(confidence) {
  return confidence > 0.99 ? ">99%" : `${Math.round(100 * confidence)}%`;
}

function say(sentence, kind = "") {
  status.textContent = sentence;
  status.dataset.kind = kind;
  status.hidden = !sentence;
}

function part(element, name) {
  return element.querySelector(`[data-${name}]`);
}

function copyOf(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

/** One person a face may be. */
function candidate(one) {
  const item = copyOf("who-candidate");
  const link = part(item, "link");
  link.href = one.page;
  link.textContent = one.name;
  part(item, "gallery").textContent = one.gallery;
  part(item, "share").textContent = percent(one.confidence);
  const bar = part(item, "bar");
  bar.value = one.confidence;
  bar.setAttribute("aria-label", `Confidence that it is ${one.name}`);
  part(item, "different").hidden = one.same;
  item.classList.toggle("is-different", !one.same);
  const image = part(item, "picture");
  if (one.picture) image.src = one.picture;
  else image.remove();
  return item;
}

function faceCard(face, number) {
  const card = copyOf("who-face");
  const best = face.candidates.find((one) => one.same);
  part(card, "crop").append(facePicture(face, number));
  part(card, "title").textContent = best ? `${number}: ${best.name}` : `${number}: unknown`;
  part(card, "answer").textContent = best
    ? `Probably ${best.name}, with a confidence of ${percent(best.confidence)}.`
    : "Nobody who is enrolled looks like this.";
  part(card, "quality").textContent = face.quality ? `Picture of the face: ${QUALITY[face.quality]}. ${face.reasons.join(" ")}` : "";
  part(card, "candidates").replaceChildren(...face.candidates.map(candidate));
  connectAdding(card, face, number);
  for (const type of ["focusin", "pointerenter"]) card.addEventListener(type, () => lightBox(figure, number));
  return card;
}

/** The form that adds the face to somebody, or makes a new person of it. */
function connectAdding(card, face, number) {
  const form = part(card, "add");
  if (!form) return;
  for (const labelled of form.querySelectorAll("[id], [for], [aria-controls]")) {
    for (const name of ["id", "for", "aria-controls"]) {
      const value = labelled.getAttribute(name);
      if (value) labelled.setAttribute(name, value.replace("0", String(number)));
    }
  }
  const words = part(form, "added");
  const { file } = shown;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { left, top, width, height } = face.box;
    const fields = { file, box: [left, top, width, height].join(","), name: form.elements.name.value, subject: form.elements.subject.value };
    const button = form.querySelector('[type="submit"]');
    button.disabled = true;
    words.textContent = "Adding it …";
    const answer = await send(form.elements.gallery.selectedOptions[0].dataset.url, fields, { signInUrl });
    button.disabled = false;
    if (!answer.ok) {
      words.textContent = answer.sentence;
      return;
    }
    const link = document.createElement("a");
    link.href = answer.body.page;
    link.textContent = answer.body.person;
    words.replaceChildren("Added to ", link, ". Train the gallery, and it counts.");
    form.reset();
  });
}

function show(file, answer) {
  if (shown) URL.revokeObjectURL(shown.address);
  shown = { file, address: URL.createObjectURL(file) };
  list.replaceChildren(...answer.faces.map((face, index) => faceCard(face, index + 1)));
  connectWhoFields(list);
  showBoxes(figure, {
    ...answer,
    address: shown.address,
    onPick: (number) => {
      lightBox(figure, number);
      list.children[number - 1].scrollIntoView({ block: "center" });
      list.children[number - 1].focus({ preventScroll: true });
    },
  });
  const notes = part(result, "not-asked");
  notes.replaceChildren(...answer.not_asked.map((sentence) => Object.assign(document.createElement("p"), { textContent: sentence })));
  notes.hidden = answer.not_asked.length === 0;
  result.hidden = false;
}

function summary(faces) {
  if (faces.length === 0) return "No face was found in this photo. Faces should be at least 20 pixels high and not turned away.";
  const known = faces.filter((face) => face.candidates.some((one) => one.same)).length;
  const unknown = faces.length - known;
  const parts = [];
  if (known) parts.push(`${known} recognised`);
  if (unknown) parts.push(`${unknown} unknown`);
  return `${faces.length} face${faces.length === 1 ? "" : "s"}: ${parts.join(", ")}.`;
}

async function ask({ file, refusal }) {
  latest += 1;
  const mine = latest;
  result.hidden = true;
  if (refusal) {
    say(refusal, "bad");
    return;
  }
  say("Looking at the photo …", "busy");
  const gallery = document.getElementById("who-gallery").value;
  const answer = await send(root.dataset.url, gallery ? { file, gallery } : { file }, { signInUrl });
  // A photo that was dropped later has its own answer.
  if (mine !== latest) return;
  if (!answer.ok) {
    say(answer.sentence, "bad");
    return;
  }
  say(summary(answer.body.faces));
  show(file, answer.body);
}

connectDrop(root, (files) => ask(files[0]));
