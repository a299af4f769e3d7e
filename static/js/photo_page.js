/** The page of one photo: follows the analysis while it runs, then shows boxes, cards and charts. */

import { connectCharts } from "./charts.js";
import { JobFollower } from "./follow.js";
import { connectBoxes } from "./overlay.js";

const TRY_AGAIN = 3000;
const status = document.getElementById("photo-status");
const usual = document.querySelector("[data-follow-words]")?.textContent ?? "";

function say(title, sentence = usual) {
  document.querySelector("[data-follow-title]").textContent = title;
  const place = document.querySelector("[data-follow-words]");
  if (place.textContent !== sentence) place.textContent = sentence;
}

function sayDeleted() {
  say("This photo was deleted", "Somebody in your team deleted it. Go back to all photos.");
}

/** Swap the finished result in. */
async function load() {
  const options = { target: "#photo-result", select: "#photo-result", swap: "outerHTML" };
  try {
    await window.htmx.ajax("GET", location.pathname, options);
  } catch (lost) {
    // htmx rejects without a reason when the connection is lost.
    if (lost) throw lost;
    say("Waiting for the server", "The photo is analysed, but the connection was lost. Trying again by itself.");
    setTimeout(load, TRY_AGAIN);
    return;
  }
  if (document.getElementById("photo-result").dataset.state === "queued") {
    // An answer without the result was not swapped in: the photo went away in between.
    sayDeleted();
    return;
  }
  status.textContent = document.querySelector("#people h2").textContent.replace(/\s+/g, " ").trim();
  show();
}

/** Follow this photo's own part: a job of the API may hold many photos. */
function follow({ job, media, statesUrl, signInUrl }) {
  let stage = "Waiting for its turn";
  const follower = new JobFollower({
    url: statesUrl,
    signInUrl,
    onStates: (jobId, states, over) => {
      const mine = states.find((state) => state.media_id === media);
      if (mine?.status === "running") {
        stage = "Looking for faces";
        say(stage);
      }
      else if (!mine && over) sayDeleted();
      else if (mine && mine.status !== "queued") {
        follower.drop(jobId);
        load();
      }
    },
    onTrouble: (sentence, { signedOut }) => {
      if (signedOut) location.assign(signInUrl);
      else if (sentence) say("Waiting for the server", sentence);
      else say(stage);
    },
    onQuiet: (isQuiet) => {
      if (!isQuiet) return;
      say("Still waiting", "The server is busy, or its worker is not running. The photo is safe and stays queued.");
    },
  });
  follower.follow(job);
}

function show() {
  const result = document.getElementById("photo-result");
  connectBoxes(result);
  connectCharts(result);
  if (result.dataset.state === "queued") follow(result.dataset);
}

show();
