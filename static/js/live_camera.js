/** The visitor's camera, and small JPEG pictures of what it shows. */

/** The longer side of a picture that is sent, in pixels: faces before a camera are found well in it, and sooner. */
const LONGER_SIDE = 512;
/** Pictures of a second that the camera is asked for; fewer where the browser also has to record them. */
const SHOWN_RATE = 24;
const RECORDED_RATE = 15;
const QUALITY = 0.8;

const REASONS = {
  NotAllowedError: "The browser was not allowed to use the camera. Allow it for this site in the address bar, then start again.",
  NotFoundError: "No camera was found. Connect one, then start again.",
  NotReadableError: "The camera is used by another program, or cannot be read. Close that program, then start again.",
  OverconstrainedError: "The camera cannot give a picture of the size that is needed. Try another one.",
};

/** Open the camera, without sound. Throws an Error whose message says what to do. */
export async function openCamera(recording) {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Error("Browsers give a camera to secure pages only: open this site with https, or as localhost.");
  }
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: {
        width: { ideal: 1280 },
        height: { ideal: 720 },
        frameRate: { ideal: recording ? RECORDED_RATE : SHOWN_RATE },
        facingMode: "user",
      },
    });
  } catch (error) {
    throw new Error(REASONS[error.name] ?? `The camera could not be started (${error.name}).`, { cause: error });
  }
}

export function closeCamera(stream) {
  for (const track of stream.getTracks()) track.stop();
}

/** Makes pictures of a playing video, one at a time. */
export class Grabber {
  constructor(video) {
    this.video = video;
    this.canvas = document.createElement("canvas");
    this.context = this.canvas.getContext("2d", { alpha: false });
  }

  /** A JPEG of what the video shows now; null while it shows nothing. */
  async grab() {
    const { videoWidth, videoHeight } = this.video;
    if (!videoWidth || !videoHeight) return null;
    const scale = Math.min(1, LONGER_SIDE / Math.max(videoWidth, videoHeight));
    const width = Math.round(videoWidth * scale);
    const height = Math.round(videoHeight * scale);
    // A new size empties the canvas, so it is set only when it is one.
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    this.context.drawImage(this.video, 0, 0, width, height);
    return new Promise((resolve) => this.canvas.toBlob(resolve, "image/jpeg", QUALITY));
  }
}

/** Call `onFrame` for each new frame of a video until the returned function is called. */
export function eachFrame(video, onFrame) {
  let over = false;
  const byVideo = "requestVideoFrameCallback" in video;
  const next = () => (byVideo ? video.requestVideoFrameCallback(step) : requestAnimationFrame(step));
  const step = () => {
    if (over) return;
    onFrame();
    next();
  };
  next();
  return () => {
    over = true;
  };
}
