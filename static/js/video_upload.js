/**
 * Sends a file of any size in parts, by the tus protocol 1.0.0. What was sent is not sent again: after a broken
 * connection it goes on where the server stands, also on the page when it is opened again.
 */

import { csrfToken, failureSentence, isPassing, isSignInPage } from "./http.js";
import { SendError } from "./send.js";

const UPLOADS = "/team/videos/uploads";
const SIGN_IN = "/accounts/login/";
const PART_BYTES = 8 * 1024 * 1024;
/** Pauses, in ms, before what failed in passing is tried again; sending a part begins them anew. */
const PAUSES = [500, 1000, 2000, 4000, 8000, 15000, 30000];
const REMEMBERED = "video-uploads";
/** As long as the server keeps an upload that nobody goes on with, in ms. */
const REMEMBERED_FOR = 24 * 3600 * 1000;
/** The server has other bytes than we thought, or is writing a part that it got before: ask it. */
const ASK_AGAIN = new Set([409, 423]);

/** What tells a file from another one without reading it; recordings, which have no date, are never resumed. */
function nameOf(blob, name) {
  return blob.lastModified ? `${name}|${blob.size}|${blob.lastModified}` : "";
}

function remembered() {
  try {
    const all = JSON.parse(localStorage.getItem(REMEMBERED) ?? "{}");
    const recent = Object.entries(all).filter(([, entry]) => Date.now() - entry.at < REMEMBERED_FOR);
    return Object.fromEntries(recent);
  } catch {
    // No storage in this browser, or somebody else's words in it: then nothing is resumed after a reload.
    return {};
  }
}

function remember(key, url) {
  if (!key) return;
  const all = remembered();
  if (url) all[key] = { url, at: Date.now() };
  else delete all[key];
  try {
    localStorage.setItem(REMEMBERED, JSON.stringify(all));
  } catch {
    // Full or switched off: the upload itself does not need it.
  }
}

/** Whether a file was begun here and can be gone on with. */
export function isUnfinished(blob, name = blob.name) {
  const key = nameOf(blob, name);
  return Boolean(key && remembered()[key]);
}

/** One request. XMLHttpRequest, because fetch() reports no progress of what it sends. */
function request(method, url, { headers = {}, body = null, signal, onSent } = {}) {
  return new Promise((resolve, reject) => {
    const stopped = () => new SendError("Stopped before it was sent.", { stopped: true });
    if (signal?.aborted) {
      reject(stopped());
      return;
    }
    const call = new XMLHttpRequest();
    const abort = () => call.abort();
    call.open(method, url);
    const all = { "Tus-Resumable": "1.0.0", "X-CSRFToken": csrfToken(), Accept: "application/json", ...headers };
    for (const [name, value] of Object.entries(all)) call.setRequestHeader(name, value);
    if (onSent) call.upload.addEventListener("progress", (event) => onSent(event.loaded));
    call.addEventListener("load", () => resolve(call));
    call.addEventListener("error", () => reject(new SendError(failureSentence(0), { passing: true })));
    call.addEventListener("abort", () => reject(stopped()));
    call.addEventListener("loadend", () => signal?.removeEventListener("abort", abort));
    signal?.addEventListener("abort", abort, { once: true });
    call.send(body);
  });
}

/** The answer, when it has one of these statuses. */
function expected(call, ...statuses) {
  if (isSignInPage(call.responseURL || location.href, SIGN_IN)) {
    throw new SendError("You are signed out.", { signedOut: true });
  }
  if (statuses.includes(call.status)) return call;
  const error = new SendError(failureSentence(call.status, call.responseText), { passing: isPassing(call.status) });
  error.status = call.status;
  error.answer = call.responseText;
  throw error;
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new SendError("Stopped before it was sent.", { stopped: true }));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Do `what` until it succeeds or fails for good, with pauses that grow. */
async function stubbornly(what, signal) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await what();
    } catch (error) {
      if (!error.passing || tries >= PAUSES.length) throw error;
      await pause(PAUSES[tries], signal);
    }
  }
}

function inBase64(text) {
  let letters = "";
  for (const byte of new TextEncoder().encode(text)) letters += String.fromCharCode(byte);
  return btoa(letters);
}

async function begin(blob, name, signal) {
  const headers = { "Upload-Length": String(blob.size), "Upload-Metadata": `filename ${inBase64(name)}` };
  const call = await stubbornly(async () => expected(await request("POST", UPLOADS, { headers, signal }), 201), signal);
  return call.getResponseHeader("Location");
}

/**
 * Bytes the server has: all of them when a video was made of the upload already. Null when it does not know the
 * upload (any more), or it is of another file.
 */
async function offsetOf(url, size, signal) {
  const call = await stubbornly(async () => expected(await request("HEAD", url, { signal }), 200, 404, 409), signal);
  if (call.status === 409) return size;
  if (call.status !== 200) return null;
  const length = Number(call.getResponseHeader("Upload-Length"));
  return length === size ? Number(call.getResponseHeader("Upload-Offset")) : null;
}

async function sendPart(url, blob, offset, { signal, onProgress }) {
  const headers = { "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" };
  const body = blob.slice(offset, offset + PART_BYTES);
  const onSent = (sent) => onProgress(Math.min(offset + sent, blob.size), blob.size);
  const call = expected(await request("PATCH", url, { headers, body, signal, onSent }), 204);
  return Number(call.getResponseHeader("Upload-Offset"));
}

/** Send what the server lacks from `start` on. */
async function sendRest(url, blob, start, { signal, onProgress }) {
  let offset = start;
  let tries = 0;
  while (offset < blob.size) {
    try {
      offset = await sendPart(url, blob, offset, { signal, onProgress });
      tries = 0;
    } catch (error) {
      const ask = error.passing || ASK_AGAIN.has(error.status);
      if (!ask || tries >= PAUSES.length) throw error;
      await pause(PAUSES[tries], signal);
      tries += 1;
      const known = await offsetOf(url, blob.size, signal);
      if (known === null) throw error;
      // The part may have arrived although its answer did not.
      if (known > offset) tries = 0;
      offset = known;
    }
    onProgress(offset, blob.size);
  }
}

/** The video of an upload that is whole: {job_id, video_id, page}. */
async function use(url, name, options, signal) {
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify({ ...options, name });
  try {
    const ask = async () => expected(await request("POST", `${url}/video`, { headers, body, signal }), 202);
    return JSON.parse((await stubbornly(ask, signal)).responseText);
  } catch (error) {
    const known = error.answer ? videoOf(error.answer) : null;
    // It was made before, and only the answer got lost.
    if (known) return { job_id: null, video_id: known, page: `/team/videos/${known}` };
    throw error;
  }
}

function videoOf(answer) {
  try {
    return JSON.parse(answer).video_id ?? null;
  } catch {
    return null;
  }
}

async function place(blob, name, key, signal) {
  const known = remembered()[key]?.url;
  const offset = known ? await offsetOf(known, blob.size, signal) : null;
  if (offset !== null) return { url: known, offset };
  const url = await begin(blob, name, signal);
  remember(key, url);
  return { url, offset: 0 };
}

/**
 * Upload a file or a recording and have it analysed. Resolves with {job_id, video_id, page}, rejects with a
 * SendError whose message is a sentence for people.
 *
 * onProgress(sent, size) in bytes; signal: an AbortSignal, after which the upload can still be resumed;
 * options: {frames_per_second (null for every frame), gallery, live}, each may be left out.
 */
export async function uploadVideo(blob, name, { onProgress = () => {}, signal, options = {} } = {}) {
  const key = nameOf(blob, name);
  const { url, offset } = await place(blob, name, key, signal);
  onProgress(offset, blob.size);
  await sendRest(url, blob, offset, { signal, onProgress });
  try {
    const answer = await use(url, name, options, signal);
    remember(key, null);
    return answer;
  } catch (error) {
    // A file that is no video was erased; whatever else was wrong may be tried again with the same upload.
    if (!error.passing && !error.stopped && !error.signedOut && (await offsetOf(url, blob.size, signal)) === null) {
      remember(key, null);
    }
    throw error;
  }
}

/** Erase on the server what was sent of a file that nobody wants to go on with. */
export async function discardUpload(blob, name) {
  const key = nameOf(blob, name);
  const url = remembered()[key]?.url;
  remember(key, null);
  if (url) expected(await request("DELETE", url), 204, 404, 409, 423);
}
