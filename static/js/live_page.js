/** The page of the live camera: consent, camera, socket, and what is shown of each answer. */

import { closeCamera, eachFrame, Grabber, openCamera } from "./live_camera.js";
import { Boxes } from "./live_boxes.js";
import { LiveChart } from "./live_chart.js";
import { FacePanel } from "./live_face.js";
import { Kept, Recorder } from "./live_recording.js";
import { LiveSocket } from "./live_socket.js";

/** The rate is of the last so many milliseconds; a screen reader hears no more often than that. */
const RATE_OVER = 3000;
const TELL_EVERY = 5000;

const live = document.getElementById("live");
const find = (name) => live.querySelector(`[data-${name}]`);
const video = find("video");
const form = find("consent-form");
const emotions = [...live.querySelectorAll("[data-emotion]")].map((row) => row.dataset.emotion);
const boxes = new Boxes(find("boxes"), choose);
const panel = new FacePanel(live, choose);
const chart = new LiveChart(find("chart"), find("legend"), emotions);
const kept = new Kept(find("kept"));
const figures = Object.fromEntries([...live.querySelectorAll("[data-figure]")].map((one) => [one.dataset.figure, one]));

let running = null;
let chosen = null;

function say(words, { signIn = false } = {}) {
  find("said").hidden = !words;
  find("said-words").textContent = words;
  const link = find("said-sign-in");
  link.hidden = !signIn;
  link.href = live.dataset.signIn;
}

function setState(state, words = "The camera is off") {
  live.dataset.state = state;
  find("off-words").textContent = words;
  find("start").disabled = state === "starting";
}

function choose(track) {
  chosen = track;
}

/** The face whose figures are shown: the chosen one while it is there, else the largest. */
function faceOf(answer) {
  const face = answer.faces.find((one) => one.track === chosen) ?? answer.faces[0] ?? null;
  if (face?.track !== chosen) chosen = face?.track ?? chosen;
  return face;
}

function show(answer, delay) {
  const now = performance.now();
  running.answers.push(now);
  running.count += 1;
  while (now - running.answers[0] > RATE_OVER) running.answers.shift();
  running.delay += (running.count === 1 ? 1 : 0.2) * (delay - running.delay);
  const over = Math.min(RATE_OVER, now - running.begun);
  figures.rate.textContent = ((1000 * running.answers.length) / over).toFixed(1);
  figures.delay.textContent = String(Math.round(running.delay));
  figures.faces.textContent = String(answer.faces.length);
  figures.count.textContent = running.count.toLocaleString();
  const face = faceOf(answer);
  boxes.show(answer, face?.track);
  const measures = panel.show(face, answer.faces.map((one) => one.track));
  chart.add({ ...face?.emotions, ...measures });
  find("chart-of").textContent = face ? `of face ${face.track}` : "";
  tell(face, now);
}

function tell(face, now) {
  if (now - running.told < TELL_EVERY) return;
  running.told = now;
  const words = face ? `Face ${face.track}${face.strongest ? `: ${face.strongest}` : ""}` : "No face";
  if (find("status").textContent !== words) find("status").textContent = words;
}

async function sendFrame(session) {
  if (session.grabbing || !session.socket.isFree) return;
  session.grabbing = true;
  const taken = performance.now();
  const picture = await session.grabber.grab();
  session.grabbing = false;
  if (picture && session === running && session.socket.isFree) session.socket.send(picture, taken);
}

async function start() {
  say("");
  setState("starting", "Starting the camera …");
  let stream = null;
  try {
    stream = await openCamera(find("record").checked);
    video.srcObject = stream;
    await video.play();
    const recorder = find("record").checked ? new Recorder(stream) : null;
    connect(stream, recorder);
  } catch (error) {
    if (stream) closeCamera(stream);
    setState("idle");
    say(error.message);
  }
}

function connect(stream, recorder) {
  const session = { stream, recorder, grabber: new Grabber(video), grabbing: false };
  Object.assign(session, { answers: [], count: 0, delay: 0, told: 0, begun: performance.now(), stopFrames: () => {} });
  session.socket = new LiveSocket({
    path: live.dataset.socket,
    consent: Number(live.dataset.consent),
    recording: recorder !== null,
    onStarted: () => begin(session),
    onFrame: show,
    onSkipped: (code, detail) => code !== "newer" && say(detail),
    onOver: (reason) => end(session, reason),
  });
  // Unplugged, or taken away in the settings of the browser.
  stream.getVideoTracks()[0].addEventListener("ended", () => session.socket.close());
  running = session;
}

/** Frames may go. Said again when a switch of the team was changed meanwhile. */
function begin(session) {
  if (live.dataset.state === "running") return;
  session.begun = performance.now();
  session.stopFrames = eachFrame(video, () => sendFrame(session));
  find("recording-mark").hidden = session.recorder === null;
  setState("running");
  chart.start();
  find("stop").focus();
}

async function end(session, { code, detail }) {
  if (session !== running) return;
  running = null;
  session.stopFrames();
  chart.stop();
  boxes.clear();
  const recording = await session.recorder?.stop();
  closeCamera(session.stream);
  video.srcObject = null;
  find("recording-mark").hidden = true;
  find("start-words").textContent = "Start the camera again";
  setState("over");
  say(detail, { signIn: code === "live_signed_out" });
  find("status").textContent = detail || "The camera is off.";
  if (recording) kept.show(recording);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (running === null && live.dataset.state !== "starting") start();
});
find("stop").addEventListener("click", () => running?.socket.close());
addEventListener("pagehide", () => running?.socket.close());
for (const input of live.querySelectorAll('input[name="lines"]')) {
  input.addEventListener("change", () => chart.choose(input.value));
  if (input.checked) chart.choose(input.value);
}
new ResizeObserver(() => chart.draw()).observe(find("chart").parentElement);
