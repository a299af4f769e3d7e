/** The page of all photos: uploads above, the grid below, one follower for the jobs of both. */

import { JobFollower } from "./follow.js";
import { PhotoGrid } from "./photo_grid.js";
import { UploadArea } from "./upload_area.js";

const root = document.getElementById("upload");
const signInUrl = root?.dataset.signInUrl ?? "/accounts/login/";
const QUIET =
  "Nothing has moved for a while: the server is busy, or its worker is not running. Your photos are safe and stay queued.";

const follower = new JobFollower({
  url: document.getElementById("photo-grid").dataset.statesUrl,
  signInUrl,
  onStates: (jobId, states, over) => {
    uploads?.report(jobId, states);
    if (over) grid.refresh();
  },
  onTrouble: (sentence, { signedOut }) => uploads?.warn(sentence, signedOut),
  onQuiet: (isQuiet) => uploads?.warn(isQuiet ? QUIET : ""),
});

const uploads = root
  ? new UploadArea(root, {
      onAccepted: (jobId) => {
        follower.follow(jobId);
        grid.refresh();
      },
      onSignedIn: () => follower.resume(),
    })
  : null;

const grid = new PhotoGrid({
  signInUrl,
  onOpenJobs: (jobIds) => {
    for (const jobId of jobIds) follower.follow(jobId);
  },
});
