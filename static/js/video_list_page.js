/** The page of all videos: uploads above, the list below, and how far the analyses in it are. */

import { JobFollower } from "./follow.js";
import { isSignInPage } from "./http.js";
import { timeLeft } from "./video_format.js";
import { VideoUploads } from "./video_send.js";

const QUIET =
  "Nothing has moved for a while: the server is busy, or its worker is not running. Your videos are safe and stay queued.";
const STAGES = { fetching: "Being read in", analyzing: "Being analysed", linking: "People are being joined" };

const list = () => document.getElementById("video-list");
const { statesUrl, signInUrl } = list().dataset;
const root = document.getElementById("upload");
const uploads = root ? new VideoUploads(root, { onUploaded: () => refresh() }) : null;

const follower = new JobFollower({
  url: statesUrl,
  signInUrl,
  onStates: (id, [state], over) => {
    if (!state || over) refresh();
    else show(id, state);
  },
  onTrouble: (sentence, { signedOut }) => uploads?.warn(sentence, signedOut),
  onQuiet: (isQuiet) => uploads?.warn(isQuiet ? QUIET : ""),
});

function show(id, state) {
  const card = document.getElementById(`video-${id}`);
  const bar = card?.querySelector("[data-bar]");
  if (!bar) return;
  bar.value = state.percent;
  card.querySelector("[data-stage]").textContent = STAGES[state.stage] ?? "Being analysed";
  const left = timeLeft(state.seconds_left);
  card.querySelector("[data-words]").textContent = `${state.percent}%${left ? `, ${left} left` : ""}`;
}

let loading = null;
/** Load the list again without the uploads above it, which go on. */
async function refresh() {
  loading ??= (async () => {
    await new Promise((resolve) => { setTimeout(resolve, 200); });
    loading = null;
    const options = { target: "#video-list", select: "#video-list", swap: "outerHTML" };
    try {
      await window.htmx.ajax("GET", location.pathname + list().dataset.page, options);
    } catch (lost) {
      // htmx rejects without a reason when the connection is lost; the follower says so.
      if (lost) throw lost;
    }
    followAll();
  })();
  await loading;
}

function followAll() {
  for (const card of list().querySelectorAll("[data-open]")) follower.follow(card.dataset.open);
}

document.body.addEventListener("htmx:beforeSwap", (event) => {
  // The sign-in page holds no list: swapping it in would only empty the page.
  if (isSignInPage(event.detail.xhr.responseURL, signInUrl)) event.detail.shouldSwap = false;
});
followAll();
