/** The upload area: takes files, shows their way to the result, says what goes wrong. */

import { refusalOf, takeDrops } from "./files.js";
import { sendFile } from "./send.js";
import { UploadQueue, isOver } from "./upload_queue.js";
import { UploadRow } from "./upload_row.js";

/** At most one spoken summary in this time: fifty uploads must not talk without end. */
const SPEAK_EVERY = 3000;
const SHARE_OF_STATE = { waiting: 0, sending: 0, queued: 0.6, running: 0.8, done: 1, failed: 1 };

function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

export class UploadArea {
  /** `onAccepted(jobId)` is told of every photo the server took; `onSignedIn()` that the user is back. */
  constructor(root, { onAccepted, onSignedIn }) {
    this.root = root;
    this.onAccepted = onAccepted;
    this.onSignedIn = onSignedIn;
    this.part = (name) => root.querySelector(`[data-${name}]`);
    this.form = this.part("drop");
    this.limits = {
      minBytes: Number(root.dataset.minBytes),
      maxBytes: Number(root.dataset.maxBytes),
      maxMegabytes: root.dataset.maxMegabytes,
    };
    this.rows = new Map();
    this.byJob = new Map();
    this.spokenAt = 0;
    const { uploadUrl: url, signInUrl } = root.dataset;
    this.queue = new UploadQueue({
      send: (file, options) => sendFile(file, { ...options, url, signInUrl, form: this.form }),
      onChange: (item) => this.#changed(item),
      onSignedOut: () => this.warn("You are signed out. Uploads wait until you have signed in again.", true),
    });
    this.#listen();
  }

  /** News of a job, as JobFollower tells it. */
  report(jobId, states) {
    for (const item of this.byJob.get(jobId) ?? []) this.#report(item, states[0]);
  }

  #report(item, state) {
    if (!state || state.status === "cancelled") {
      this.queue.report(item, { state: "failed", sentence: "It was deleted before it was analysed.", retryable: false });
    } else if (state.status === "succeeded") {
      this.queue.report(item, { state: "done", faceCount: state.face_count ?? 0 });
    } else if (state.status === "failed") {
      this.queue.report(item, { state: "failed", sentence: state.error || "It could not be analysed.", retryable: true });
    } else {
      this.queue.report(item, { state: state.status === "running" ? "running" : "queued" });
    }
  }

  /** Show a sentence above the list, "" to take it away; `signedOut` offers the way back. */
  warn(sentence, signedOut = false) {
    const words = this.part("notice-words");
    if (words.textContent !== sentence) words.textContent = sentence;
    this.part("upload-notice").hidden = !sentence;
    this.part("notice-sign-in").href = this.root.dataset.signInUrl;
    this.part("notice-sign-in").hidden = !signedOut;
    this.part("notice-go-on").hidden = !signedOut;
  }

  #listen() {
    const input = this.form.querySelector('input[type="file"]');
    const take = () => {
      this.#take([...input.files]);
      // Emptied, so that choosing the same file again is a change again.
      input.value = "";
    };
    input.addEventListener("change", take);
    // Photos may have been chosen while this script was still on its way.
    take();
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.part("upload-retry").addEventListener("click", () => {
      for (const item of [...this.queue.items]) this.queue.retry(item);
    });
    this.part("upload-stop").addEventListener("click", () => this.queue.stop());
    this.part("upload-clear").addEventListener("click", () => this.#clear());
    this.part("notice-go-on").addEventListener("click", () => {
      this.warn("");
      this.queue.resume();
      this.onSignedIn();
    });
    this.#listenForDrops();
    window.addEventListener("beforeunload", (event) => {
      if (this.queue.items.some((item) => item.state === "waiting" || item.state === "sending")) event.preventDefault();
    });
  }

  /** The whole page takes drops: a file that misses the area would otherwise replace the page. */
  #listenForDrops() {
    takeDrops({
      onOver: (isOver) => this.form.classList.toggle("is-over", isOver),
      onFiles: (files) => this.#take(files),
      onTrouble: () => this.warn("What you dropped could not be read. Use 'Choose photos' instead."),
    });
  }

  #take(files) {
    if (files.length === 0) return;
    this.part("upload-panel").hidden = false;
    for (const file of files) this.queue.add(file, refusalOf(file, this.limits));
  }

  #changed(item) {
    const row = this.rows.get(item);
    if (row) row.update(item);
    else this.#addRow(item);
    if (item.state === "queued") this.#accept(item);
    this.#planSummary();
  }

  /** The same bytes chosen twice share one job, so a job may have several rows. */
  #accept(item) {
    const jobId = item.answer.job_id;
    const mine = this.byJob.get(jobId) ?? new Set();
    if (mine.has(item)) return;
    this.byJob.set(jobId, mine.add(item));
    this.onAccepted(jobId);
  }

  #addRow(item) {
    const row = new UploadRow(this.root.querySelector("template"), item, () => this.queue.retry(item));
    this.rows.set(item, row);
    this.part("upload-rows").append(row.element);
  }

  #clear() {
    for (const item of this.queue.clear()) {
      this.rows.get(item).remove();
      this.rows.delete(item);
      if (item.answer) this.byJob.get(item.answer.job_id)?.delete(item);
    }
    this.part("upload-panel").hidden = this.queue.items.length === 0;
    this.#planSummary();
    this.form.querySelector('input[type="file"]').focus();
  }

  /** Progress events come by the hundred; the summary is written once per frame. */
  #planSummary() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.#summarise();
    });
  }

  #summarise() {
    const { items } = this.queue;
    const count = (test) => items.filter(test).length;
    const done = count((item) => item.state === "done");
    const failed = count((item) => item.state === "failed");
    const left = items.length - done - failed;
    const unsent = count((item) => item.state === "waiting" || item.state === "sending");
    const parts = [];
    if (done) parts.push(`${done} analysed`);
    if (left) parts.push(`${left} to go`);
    if (failed) parts.push(`${failed} failed`);
    const words = items.length ? `${counted(items.length, "photo")}: ${parts.join(", ")}` : "";
    this.part("upload-summary").textContent = words;
    const whole = items.reduce((sum, item) => sum + SHARE_OF_STATE[item.state] + (item.state === "sending" ? 0.6 * item.share : 0), 0);
    this.part("upload-progress").value = items.length ? whole / items.length : 0;
    this.part("upload-retry").hidden = count((item) => item.state === "failed" && item.retryable) < 2;
    this.part("upload-stop").hidden = unsent === 0;
    this.part("upload-clear").hidden = !items.some(isOver);
    this.#speak(words, left === 0);
  }

  #speak(words, last) {
    clearTimeout(this.speech);
    const say = () => {
      this.spokenAt = Date.now();
      this.part("upload-status").textContent = words;
    };
    const wait = last ? 0 : Math.max(0, SPEAK_EVERY - (Date.now() - this.spokenAt));
    this.speech = setTimeout(say, wait);
  }
}
