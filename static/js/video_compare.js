/** The table that puts the figures of several people side by side. */

import { percent, signed } from "./video_format.js";

const seconds = (value) => (value === null || value === undefined ? "–" : `${value.toFixed(1)} s`);
const number = (value) => (value === null || value === undefined ? "–" : String(Math.round(value * 10) / 10));
const hundredths = (value) => percent(value === null || value === undefined ? value : value / 100);

const word = (value) => value ?? "–";
const yesOrNo = (value) => (value === null || value === undefined ? "–" : value ? "yes" : "no");

/** Title, field of `analysis.metrics.Summary`, how it is written; `best`: whether the largest is marked. */
const ROWS = [
  ["Time in view", "dwell_seconds", seconds, true],
  ["Glances at the screen", "glances", number, true],
  ["Attention", "attention_share", percent, true],
  ["Time attending", "attended_seconds", seconds, true],
  ["Positive score", "positive_percent", hundredths, true],
  ["Neutral score", "neutral_percent", hundredths, true],
  ["Negative score", "negative_percent", hundredths, true],
  ["Valence", "valence", signed, true],
  ["Activation", "activation", percent, true],
  ["Engagement", "engagement", percent, true],
  ["Highest engagement", "engagement_max", percent, true],
  ["Satisfaction", "satisfaction", percent, true],
  ["Relevance", "relevance", percent, true],
  ["Smiling", "smile_share", percent, true],
  ["Blinks", "blinks", number, true],
  ["Blinks a minute", "blinks_per_minute", number, true],
  ["Distance", "distance_cm", (value) => (value === null || value === undefined ? "–" : `${Math.round(value)} cm`), false],
  ["Age group", "age_group", word, false],
  ["Gender", "gender", word, false],
  ["Glasses", "glasses", yesOrNo, false],
];

function cell(kind, text, { scope, className } = {}) {
  const made = document.createElement(kind);
  if (scope) made.scope = scope;
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

/** Fill `root` with a column for each of `people`; rows of which nothing is known are left out. */
export function compare(root, people, emotions) {
  const place = root.querySelector("[data-compare-place]");
  root.querySelector("[data-compare-none]").hidden = people.length > 1;
  if (people.length < 1) {
    place.replaceChildren();
    return;
  }
  const table = document.createElement("table");
  table.className = "es-table vid-table";
  table.append(cell("caption", "Figures of the people who are ticked", { className: "visually-hidden" }));
  const head = table.createTHead().insertRow();
  head.append(cell("th", "Metric", { scope: "col" }));
  for (const { title, number: mark } of people) {
    const column = cell("th", "", { scope: "col" });
    const swatch = document.createElement("span");
    swatch.className = `vid-swatch vid-colour-${((mark - 1) % 8) + 1}`;
    column.append(swatch, ` ${title}`);
    head.append(column);
  }
  const body = table.createTBody();
  const rows = [
    ...ROWS.map(([title, field, write, best]) => ({ title, write, best, of: ({ metrics }) => metrics[field] })),
    ...emotions.map((name) => ({
      title: name[0].toUpperCase() + name.slice(1),
      write: percent,
      best: true,
      of: ({ metrics }) => metrics.emotions?.[name],
    })),
  ];
  for (const { title, write, best, of } of rows) {
    const values = people.map((person) => of(person) ?? null);
    const known = values.filter((value) => value !== null);
    if (!known.length) continue;
    const most = best ? Math.max(...known) : null;
    const row = body.insertRow();
    row.append(cell("th", title, { scope: "row" }));
    for (const value of values) {
      const highest = best && known.length > 1 && value === most && known.some((other) => other !== most);
      row.append(cell("td", write(value), { className: highest ? "es-number is-most" : "es-number" }));
    }
  }
  place.replaceChildren(table);
}
