/** The page of usage: a bar per day for requests, pictures and faces, each with its own scale. */

const still = matchMedia("(prefers-reduced-motion: reduce)");
const dark = matchMedia("(prefers-color-scheme: dark)");
const data = JSON.parse(document.getElementById("usage-data").textContent);
const short = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
const long = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "long", timeZone: "UTC" });
const number = new Intl.NumberFormat();

/** Colours and font come from the style sheet: css/tokens.css is where they are defined. */
function look() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(name).trim();
  return {
    bar: read("--es-accent"),
    ink: read("--es-ink"),
    soft: read("--es-ink-soft"),
    line: read("--es-line"),
    surface: read("--es-surface"),
    font: { family: getComputedStyle(document.body).fontFamily, size: 11 },
  };
}

function draw(canvas) {
  const { bar, ink, soft, line, surface, font } = look();
  const days = data.days.map((day) => new Date(day));
  return new window.Chart(canvas, {
    type: "bar",
    data: {
      labels: days.map((day) => short.format(day)),
      datasets: [{ data: data[canvas.dataset.series], backgroundColor: bar, borderRadius: 2, categoryPercentage: 0.9 }],
    },
    options: {
      maintainAspectRatio: false,
      animation: still.matches ? false : { duration: 250 },
      interaction: { mode: "index", intersect: false },
      plugins: {
        legend: { display: false },
        tooltip: {
          displayColors: false,
          backgroundColor: ink,
          titleColor: surface,
          bodyColor: surface,
          callbacks: {
            title: ([item]) => long.format(days[item.dataIndex]),
            label: (item) => number.format(item.raw),
          },
        },
      },
      scales: {
        x: { border: { color: line }, grid: { display: false }, ticks: { color: soft, font, maxRotation: 0, autoSkipPadding: 24 } },
        y: {
          beginAtZero: true,
          suggestedMax: 4,
          border: { display: false },
          grid: { color: line, drawTicks: false },
          ticks: { color: soft, font, padding: 6, precision: 0, maxTicksLimit: 4, callback: (value) => number.format(value) },
        },
      },
    },
  });
}

const canvases = [...document.querySelectorAll("canvas[data-series]")];
let charts = canvases.map(draw);
dark.addEventListener("change", () => {
  for (const chart of charts) chart.destroy();
  charts = canvases.map(draw);
});
