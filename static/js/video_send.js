/** The place for new videos: sends files in parts, shows how far each is, pauses, goes on, gives up. */

import { takeDrops } from "./files.js";
import { csrfToken } from "./http.js";
import { discardUpload, isUnfinished, uploadVideo } from "./video_upload.js";

/** More at once would only share the same line. */
const AT_ONCE = 2;
const SPEAK_EVERY = 3000;
const OPEN = new Set(["waiting", "sending", "paused"]);
const WORDS = { waiting: "Waiting", paused: "Paused", done: "Uploaded. It is being analysed." };

function megabytes(bytes) {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

export class VideoUploads {
  /** `onUploaded(videoId)` is told of every file that has become a video. */
  constructor(root, { onUploaded }) {
    this.root = root;
    this.onUploaded = onUploaded;
    this.part = (name) => root.querySelector(`[data-${name}]`);
    this.maxBytes = Number(root.dataset.maxBytes);
    this.items = [];
    this.spokenAt = 0;
    this.#listen();
  }

  /** Show a sentence above the list, "" to take it away; `signedOut` offers the way back. */
  warn(sentence, signedOut = false) {
    const words = this.part("notice-words");
    if (words.textContent !== sentence) words.textContent = sentence;
    this.part("upload-notice").hidden = !sentence;
    this.part("notice-sign-in").href = this.root.dataset.signInUrl;
    this.part("notice-sign-in").hidden = !signedOut;
  }

  #listen() {
    const input = this.root.querySelector('input[type="file"]');
    const take = () => {
      this.#take([...input.files]);
      // Emptied, so that choosing the same file again is a change again.
      input.value = "";
    };
    input.addEventListener("change", take);
    // Videos may have been chosen while this script was still on its way.
    take();
    this.part("upload-clear").addEventListener("click", () => this.#clear());
    this.#listenForDrops();
    for (const button of this.root.querySelectorAll("[data-discard-url]")) {
      button.addEventListener("click", () => this.#discardOld(button));
    }
    window.addEventListener("beforeunload", (event) => {
      if (this.items.some((item) => item.state === "sending")) event.preventDefault();
    });
  }

  /** The whole page takes drops: a file that misses the area would otherwise replace the page. */
  #listenForDrops() {
    takeDrops({
      onOver: (isOver) => this.part("drop").classList.toggle("is-over", isOver),
      onFiles: (files) => this.#take(files),
      onTrouble: () => this.warn("What you dropped could not be read. Use 'Choose videos' instead."),
    });
  }

  /** As the form says when a file is chosen: who changes it afterwards means the next ones. */
  #options() {
    const { elements } = this.part("options");
    const rate = elements.frames_per_second.value;
    const options = { frames_per_second: rate === "every" ? null : Number(rate) };
    if (elements.gallery?.value) options.gallery = elements.gallery.value;
    return options;
  }

  #take(files) {
    if (files.length === 0) return;
    this.part("upload-panel").hidden = false;
    for (const file of files) this.#add(file);
    this.#pump();
  }

  #add(file) {
    const element = this.root.querySelector("template").content.firstElementChild.cloneNode(true);
    const item = { file, element, state: "waiting", sent: 0, sentence: "", options: this.#options(), again: false };
    item.part = (name) => element.querySelector(`[data-${name}]`);
    item.part("name").textContent = file.name;
    item.part("bar").setAttribute("aria-label", `Upload of ${file.name}`);
    const deeds = {
      pause: () => item.controller?.abort("paused"),
      resume: () => {
        this.#change(item, { state: "waiting", sentence: "" });
        this.#pump();
      },
      cancel: () => this.#cancel(item),
    };
    const words = { pause: "Pause", resume: "Go on with", cancel: "Cancel" };
    for (const [name, deed] of Object.entries(deeds)) {
      item.part(name).addEventListener("click", deed);
      item.part(name).setAttribute("aria-label", `${words[name]}: ${file.name}`);
    }
    this.part("upload-rows").append(element);
    this.items.push(item);
    if (file.size === 0) this.#change(item, { state: "failed", sentence: "The file is empty." });
    else if (file.size > this.maxBytes) {
      const sentence = `The file is larger than ${this.root.dataset.maxGigabytes} GB. Cut the video, or export it smaller.`;
      this.#change(item, { state: "failed", sentence });
    } else this.#change(item, { again: isUnfinished(file) });
  }

  #pump() {
    const sending = this.items.filter((item) => item.state === "sending").length;
    const waiting = this.items.filter((item) => item.state === "waiting");
    for (const item of waiting.slice(0, Math.max(0, AT_ONCE - sending))) this.#send(item);
  }

  async #send(item) {
    item.controller = new AbortController();
    this.#change(item, { state: "sending", sentence: "" });
    try {
      const answer = await uploadVideo(item.file, item.file.name, {
        signal: item.controller.signal,
        options: item.options,
        onProgress: (sent) => this.#change(item, { sent }),
      });
      item.part("result").href = answer.page;
      item.part("result").setAttribute("aria-label", `Open ${item.file.name}`);
      this.#change(item, { state: "done", sent: item.file.size });
      this.onUploaded(answer.video_id);
    } catch (error) {
      this.#fail(item, error);
    }
    this.#pump();
  }

  #fail(item, error) {
    if (item.state === "cancelled") return;
    if (error.signedOut) {
      this.warn("You are signed out. Uploads wait until you have signed in again; then go on with each.", true);
      this.#change(item, { state: "paused", sentence: "Waits until you have signed in again." });
    } else if (error.stopped) this.#change(item, { state: "paused" });
    else if (error.passing) this.#change(item, { state: "paused", sentence: `${error.message} What was sent is kept.` });
    else if (typeof error.message === "string" && error.name === "Error") {
      this.#change(item, { state: "failed", sentence: error.message });
    } else throw error;
  }

  async #cancel(item) {
    this.#change(item, { state: "cancelled" });
    item.controller?.abort("cancelled");
    item.element.remove();
    this.items = this.items.filter((one) => one !== item);
    this.#summarise();
    this.part("upload-panel").hidden = this.items.length === 0;
    try {
      await discardUpload(item.file, item.file.name);
    } catch (error) {
      this.warn(`${item.file.name}: ${error.message} What was sent goes by itself after a day.`);
    }
    this.#pump();
  }

  /** An upload of an earlier visit that nobody wants to go on with. */
  async #discardOld(button) {
    const headers = { "X-CSRFToken": csrfToken(), "Tus-Resumable": "1.0.0", Accept: "application/json" };
    try {
      const response = await fetch(button.dataset.discardUrl, { method: "DELETE", headers });
      if (!response.ok && response.status !== 404) throw new TypeError(String(response.status));
      button.closest("li").remove();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      this.warn("It could not be discarded just now. It goes by itself after a day.");
    }
  }

  #change(item, changes) {
    Object.assign(item, changes);
    const { state, file } = item;
    item.element.dataset.state = state;
    item.part("bar").value = file.size ? item.sent / file.size : 0;
    item.part("pause").hidden = state !== "sending";
    item.part("resume").hidden = state !== "paused";
    item.part("cancel").hidden = !OPEN.has(state);
    item.part("result").hidden = state !== "done";
    const words = this.#words(item);
    // Writing the same words again would make some screen readers repeat them.
    if (item.part("words").textContent !== words) item.part("words").textContent = words;
    this.#summarise();
  }

  #words({ state, sentence, sent, file, again }) {
    if (state === "sending") {
      if (sent >= file.size) return "Uploaded, being looked at";
      const begun = again && sent > 0 ? "Goes on where it was: " : "";
      return `${begun}${Math.floor((100 * sent) / file.size)}% of ${megabytes(file.size)}`;
    }
    return sentence || WORDS[state] || "";
  }

  #clear() {
    for (const item of this.items) if (!OPEN.has(item.state)) item.element.remove();
    this.items = this.items.filter((item) => OPEN.has(item.state));
    this.part("upload-panel").hidden = this.items.length === 0;
    this.#summarise();
    this.root.querySelector('input[type="file"]').focus();
  }

  #summarise() {
    const count = (test) => this.items.filter(test).length;
    const open = count((item) => OPEN.has(item.state));
    const parts = [];
    const done = count((item) => item.state === "done");
    const failed = count((item) => item.state === "failed");
    if (done) parts.push(`${done} uploaded`);
    if (open) parts.push(`${open} to go`);
    if (failed) parts.push(`${failed} failed`);
    const words = this.items.length ? `${this.items.length} video${this.items.length === 1 ? "" : "s"}: ${parts.join(", ")}` : "";
    this.part("upload-summary").textContent = words;
    this.part("upload-clear").hidden = open === this.items.length;
    clearTimeout(this.speech);
    const wait = open === 0 ? 0 : Math.max(0, SPEAK_EVERY - (Date.now() - this.spokenAt));
    this.speech = setTimeout(() => {
      this.spokenAt = Date.now();
      if (this.part("upload-status").textContent !== words) this.part("upload-status").textContent = words;
    }, wait);
  }
}
