/** The page of a video that is still being analysed: how far it is, until there is something to see. */

import { JobFollower } from "./follow.js";
import { timeLeft } from "./video_format.js";

export const STAGES = {
  fetching: "Being read in",
  analyzing: "Being analysed",
  linking: "People are being joined",
};

const root = document.getElementById("video-state");
const part = (name) => root.querySelector(`[data-${name}]`);
const LEAVE = "You can leave this page; the work goes on.";
let last = "";

function say(sentence) {
  if (part("words").textContent !== sentence) part("words").textContent = sentence;
}

const follower = new JobFollower({
  url: root.dataset.statesUrl,
  signInUrl: root.dataset.signInUrl,
  onStates: (id, [state], over) => {
    if (!state || over) {
      // Deleted, or something to see: either way the server has the page for it.
      location.reload();
      return;
    }
    part("stage").textContent = STAGES[state.stage] ?? "Being analysed";
    part("bar").value = state.percent;
    const left = timeLeft(state.seconds_left);
    last = `${state.percent}% done${left ? `, about ${left} left` : ""}. ${LEAVE}`;
    say(last);
  },
  onTrouble: (sentence, { signedOut }) => {
    if (signedOut) location.assign(root.dataset.signInUrl);
    else say(sentence || last);
  },
  onQuiet: (isQuiet) => {
    if (isQuiet) say("Nothing has moved for a while: the server is busy, or its worker is not running. The video is safe and stays queued.");
    else say(last);
  },
});
follower.follow(root.dataset.follow);
