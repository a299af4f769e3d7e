/**
 * The socket to the server. A frame is sent when the one before was answered, so that a slow network or a busy
 * server makes fewer frames, not late ones.
 */

/**
 * From this time on the way, in milliseconds, and this share of the server's own time, a second frame is sent while
 * the first is under way. Where the server is what takes the time, it would only wait there.
 */
const LONG_WAY = 25;
const LONG_SHARE = 0.25;
const LOST = "The connection to the server was lost. Start the camera again.";

export class LiveSocket {
  /**
   * `onStarted(parts)` is called when frames may be sent, `onFrame(answer, delay)` for each analysed frame with
   * the milliseconds since it was taken, `onSkipped(code, detail)` for one that was not analysed, and
   * `onOver({code, detail})` once, when nothing can be sent any more.
   */
  constructor({ path, consent, recording, onStarted, onFrame, onSkipped, onOver }) {
    Object.assign(this, { consent, recording, onStarted, onFrame, onSkipped, onOver });
    this.sent = 0;
    this.taken = new Map();
    this.started = false;
    // On the way, and at work on the server; milliseconds, of the last few frames.
    this.way = 0;
    this.work = 0;
    this.reason = null;
    const address = new URL(path, location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new WebSocket(address);
    this.socket.addEventListener("message", (event) => this.#read(JSON.parse(event.data)));
    this.socket.addEventListener("close", () => this.#end(this.reason ?? { code: "connection_lost", detail: LOST }));
  }

  /** Whether a frame may be sent now. */
  get isFree() {
    const isLong = this.way > LONG_WAY && this.way > LONG_SHARE * this.work;
    return this.started && this.taken.size < (isLong ? this.inFlight : 1);
  }

  /** Send a picture that was taken at `taken`, of `performance.now`. */
  send(picture, taken) {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    this.sent += 1;
    this.taken.set(this.sent, taken);
    this.socket.send(picture);
  }

  close() {
    this.#end({ code: "stopped", detail: "" });
  }

  #read(message) {
    if (message.type === "ready") {
      this.inFlight = message.in_flight;
      this.socket.send(JSON.stringify({ type: "consent", consent: this.consent, recording: this.recording }));
    } else if (message.type === "started") {
      this.started = true;
      this.onStarted(message.parts);
    } else if (message.type === "frame") {
      const delay = performance.now() - this.#answered(message.frame);
      this.way += 0.2 * (delay - message.ms - message.waited - this.way);
      this.work += 0.2 * (message.ms - this.work);
      this.onFrame(message, delay);
    } else if (message.type === "skipped") {
      this.#answered(message.frame);
      this.onSkipped(message.code, message.detail);
    } else if (message.type === "over") this.reason = message;
  }

  #answered(frame) {
    const taken = this.taken.get(frame);
    this.taken.delete(frame);
    return taken;
  }

  #end(reason) {
    if (!this.onOver) return;
    const tell = this.onOver;
    this.onOver = null;
    this.started = false;
    this.socket.close();
    tell(reason);
  }
}
