/** How times, shares and people are written on the pages of videos. */

/** 83400 -> "1:23.4"; hours only where there are any. `tenths` false leaves the last part out. */
export function clock(ms, tenths = true) {
  const all = tenths ? Math.floor(ms / 100) : Math.floor(ms / 1000) * 10;
  const seconds = Math.floor(all / 10);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const [hours, minutes, rest] = parts;
  const two = (number) => String(number).padStart(2, "0");
  const whole = hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
  return tenths ? `${whole}.${all % 10}` : whole;
}

/** "1:23.4", "83.4" or "1:02:03" -> milliseconds; null where it is no time. */
export function readClock(text) {
  const parts = text.trim().split(":");
  if (parts.length > 3 || !parts.every((part) => /^\d+([.,]\d+)?$/.test(part))) return null;
  return Math.round(parts.reduce((sum, part) => sum * 60 + Number(part.replace(",", ".")), 0) * 1000);
}

/** As a screen reader should say it: "1 minute 23.4 seconds". */
export function spoken(ms) {
  const seconds = Math.round(ms / 100) / 10;
  const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
  const parts = [];
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  if (hours) parts.push(counted(hours, "hour"));
  if (minutes) parts.push(counted(minutes, "minute"));
  parts.push(counted(Math.round((seconds % 60) * 10) / 10, "second"));
  return parts.join(" ");
}

/** 90 -> "2 minutes"; the words of the server's pages (`media_jobs.video_pages.words`). */
export function timeLeft(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} seconds`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`;
}

/** 0.934 -> "93%"; a dash where it is not known. */
export function percent(share) {
  return share === null || share === undefined ? "–" : `${Math.round(100 * share)}%`;
}

/** -0.4 -> "−0.40", 0.001 -> "0.00"; a dash where it is not known. */
export function signed(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value).toFixed(2);
  if (size === "0.00") return size;
  return `${value < 0 ? "−" : "+"}${size}`;
}

/** What the colour tokens say now: {ink, soft, line, accent, surface, emotion(name), person(number)}. */
export function look() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(name).trim();
  return {
    ink: read("--es-ink"),
    soft: read("--es-ink-soft"),
    line: read("--es-line"),
    accent: read("--es-accent"),
    surface: read("--es-surface"),
    bad: read("--es-bad"),
    good: read("--es-good"),
    wait: read("--es-wait"),
    font: getComputedStyle(document.body).fontFamily,
    emotion: (name) => read(`--es-emotion-${name}`),
    person: (number) => read(`--vid-person-${((number - 1) % 8) + 1}`),
  };
}
