/**
 * The player: a video element with controls of our own, because the browser's would make the bare video
 * full-screen and leave the boxes behind. Knows nothing of faces. Where there is no video to show (erased, or
 * its preview is still being made) it is a clock that charts can move.
 */

import { clock, spoken } from "./video_format.js";

const SPEEDS = [0.25, 0.5, 1, 1.5, 2, 4];

export class Player {
  /**
   * `step`: milliseconds from one analysed frame to the next. `onTime(ms, {playing})` with every shown frame.
   * The page says how much later the file's clock is than ours: its sound may begin before its pictures.
   */
  constructor(root, { duration, step, onTime }) {
    Object.assign(this, { root, duration, step, onTime });
    this.offset = Number(root.dataset.offsetMs) || 0;
    this.part = (name) => root.querySelector(`[data-player-${name}]`);
    this.video = root.querySelector("video");
    this.at = 0;
    this.wanted = null;
    if (this.video) {
      this.video.controls = false;
      this.#listenToVideo();
      this.#listenToControls();
    }
    this.part("controls").hidden = !this.video;
    this.#listenToSlider();
    this.#show();
  }

  /** The moment that is shown, in milliseconds from the first frame. */
  get ms() {
    return this.at;
  }

  get playing() {
    return Boolean(this.video && !this.video.paused && !this.video.ended);
  }

  /** Show another moment. While the browser still looks for one, only the newest wish counts. */
  seek(ms) {
    this.at = Math.min(Math.max(0, Math.round(ms)), this.duration);
    if (this.video) {
      if (this.video.seeking || this.video.readyState === 0) this.wanted = this.at;
      else this.#goTo(this.at);
    }
    this.#tell();
  }

  toggle() {
    if (!this.video) return;
    if (this.video.paused) this.#play();
    else this.video.pause();
  }

  pause() {
    this.video?.pause();
  }

  /** What a key does wherever the player or a chart has the focus; true when it did something. */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const far = event.shiftKey ? 10000 : 1000;
    const deeds = {
      " ": () => this.toggle(),
      k: () => this.toggle(),
      ArrowLeft: () => this.seek(this.at - far),
      ArrowRight: () => this.seek(this.at + far),
      PageDown: () => this.seek(this.at - this.duration / 10),
      PageUp: () => this.seek(this.at + this.duration / 10),
      Home: () => this.seek(0),
      End: () => this.seek(this.duration),
      ",": () => this.#step(-1),
      ".": () => this.#step(1),
      f: () => this.fullscreen(),
      m: () => this.#mute(),
    };
    const deed = deeds[event.key];
    if (!deed) return false;
    event.preventDefault();
    deed();
    return true;
  }

  async fullscreen() {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await this.root.requestFullscreen?.();
  }

  #step(frames) {
    this.pause();
    this.seek((Math.round(this.at / this.step) + frames) * this.step);
  }

  async #play() {
    try {
      await this.video.play();
    } catch (error) {
      // The browser says no to a play that was paused again at once, and to files it cannot show.
      if (error.name !== "AbortError") this.#fail();
    }
  }

  #goTo(ms) {
    this.video.currentTime = (ms + this.offset) / 1000;
  }

  #mute() {
    if (!this.video) return;
    this.video.muted = !this.video.muted;
  }

  #fail() {
    this.part("trouble").hidden = false;
  }

  #listenToVideo() {
    const { video } = this;
    const every = (what) => {
      if ("requestVideoFrameCallback" in HTMLVideoElement.prototype) {
        const next = (now, frame) => {
          what(frame.mediaTime);
          video.requestVideoFrameCallback(next);
        };
        video.requestVideoFrameCallback(next);
      } else {
        const next = () => {
          if (!video.paused) what(video.currentTime);
          requestAnimationFrame(next);
        };
        requestAnimationFrame(next);
      }
    };
    every((seconds) => {
      if (this.wanted !== null || video.seeking) return;
      this.at = Math.min(this.duration, Math.max(0, Math.round(seconds * 1000) - this.offset));
      this.#tell();
    });
    video.addEventListener("seeked", () => {
      if (this.wanted === null) {
        // By a key of the keyboard's media row, or by the system: not by us, whose wish is shown already.
        const now = Math.round(video.currentTime * 1000) - this.offset;
        if (Math.abs(now - this.at) > this.step) {
          this.at = Math.min(this.duration, Math.max(0, now));
          this.#tell();
        }
        return;
      }
      const { wanted } = this;
      this.wanted = null;
      this.#goTo(wanted);
    });
    video.addEventListener("loadedmetadata", () => {
      if (this.wanted === null) return;
      this.#goTo(this.wanted);
      this.wanted = null;
    });
    for (const name of ["play", "pause", "ended", "volumechange", "ratechange"]) {
      video.addEventListener(name, () => this.#show());
    }
    video.addEventListener("error", () => this.#fail());
    // An error of the <source> does not reach the element.
    video.querySelector("source")?.addEventListener("error", () => this.#fail());
  }

  #listenToControls() {
    this.part("play").addEventListener("click", () => this.toggle());
    this.part("back").addEventListener("click", () => this.#step(-1));
    this.part("forward").addEventListener("click", () => this.#step(1));
    this.part("mute").addEventListener("click", () => this.#mute());
    const full = this.part("full");
    full.hidden = !document.fullscreenEnabled;
    full.addEventListener("click", () => this.fullscreen());
    document.addEventListener("fullscreenchange", () => {
      const on = document.fullscreenElement === this.root;
      full.setAttribute("aria-pressed", String(on));
    });
    const speed = this.part("speed");
    for (const one of SPEEDS) speed.add(new Option(`${one}×`, one, one === 1, one === 1));
    speed.addEventListener("change", () => { this.video.playbackRate = Number(speed.value); });
  }

  #listenToSlider() {
    const slider = this.part("slider");
    slider.max = this.duration;
    slider.step = Math.max(1, Math.min(100, this.step));
    slider.addEventListener("input", () => this.seek(Number(slider.value)));
    // The slider's own arrows would move by a tenth of a second; here they do what they do everywhere.
    slider.addEventListener("keydown", (event) => {
      if (event.key !== " " && this.key(event)) event.stopPropagation();
    });
    this.root.addEventListener("keydown", (event) => {
      if (event.target.closest("input, select, textarea")) return;
      if (event.target.closest("button, a") && [" ", "Enter"].includes(event.key)) return;
      this.key(event);
    });
  }

  #tell() {
    const slider = this.part("slider");
    slider.value = this.at;
    slider.setAttribute("aria-valuetext", `${spoken(this.at)} of ${spoken(this.duration)}`);
    this.part("time").textContent = `${clock(this.at)} / ${clock(this.duration, false)}`;
    this.onTime(this.at, { playing: this.playing });
  }

  #show() {
    const { video } = this;
    if (video) {
      const playing = this.playing;
      this.root.dataset.playing = playing;
      this.part("play").setAttribute("aria-label", playing ? "Pause" : "Play");
      this.part("mute").setAttribute("aria-pressed", String(video.muted));
    }
    this.part("time").textContent = `${clock(this.at)} / ${clock(this.duration, false)}`;
  }
}
