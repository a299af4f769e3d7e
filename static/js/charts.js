/** A bar chart of the eight emotions per face, drawn when it comes near the screen. */

const NEAR = "400px";
const still = matchMedia("(prefers-reduced-motion: reduce)");
const dark = matchMedia("(prefers-color-scheme: dark)");

function capitalised(word) {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** Colours and font come from the style sheet: css/tokens.css is where they are defined. */
function look(labels) {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(name).trim();
  return {
    bars: labels.map((label) => read(`--es-emotion-${label}`)),
    ink: read("--es-ink"),
    soft: read("--es-ink-soft"),
    line: read("--es-line"),
    font: getComputedStyle(document.body).fontFamily,
  };
}

/** Writes each figure at the end of its bar, so that nobody has to read it off the axis. */
const figures = {
  id: "figures",
  afterDatasetsDraw(chart) {
    const { ctx } = chart;
    const colours = chart.options.figures;
    ctx.save();
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    chart.getDatasetMeta(0).data.forEach((bar, index) => {
      const strongest = index === colours.strongest;
      ctx.font = `${strongest ? 700 : 400} 12px ${colours.font}`;
      ctx.fillStyle = strongest ? colours.ink : colours.soft;
      ctx.fillText(`${chart.data.datasets[0].data[index].toFixed(1)}%`, bar.x + 6, bar.y);
    });
    ctx.restore();
  },
};

function draw(canvas, labels, percents) {
  const colours = look(labels);
  const strongest = percents.indexOf(Math.max(...percents));
  const emphasis = (context) => (context.index === strongest ? 700 : 400);
  return new window.Chart(canvas, {
    type: "bar",
    data: {
      labels: labels.map(capitalised),
      datasets: [{ data: percents, backgroundColor: colours.bars, borderRadius: 3, barPercentage: 0.82, categoryPercentage: 0.9 }],
    },
    options: {
      indexAxis: "y",
      maintainAspectRatio: false,
      animation: still.matches ? false : { duration: 350 },
      // The figures are written out, so there is nothing to point at.
      events: [],
      figures: { ...colours, strongest },
      layout: { padding: { right: 58 } },
      plugins: { legend: { display: false }, tooltip: { enabled: false } },
      scales: {
        x: {
          min: 0,
          max: 100,
          border: { display: false },
          grid: { color: colours.line, drawTicks: false },
          ticks: { stepSize: 25, padding: 6, color: colours.soft, font: { family: colours.font, size: 11 }, callback: (value) => `${value}%` },
        },
        y: {
          border: { display: false },
          grid: { display: false },
          ticks: {
            padding: 4,
            color: (context) => (context.index === strongest ? colours.ink : colours.soft),
            font: (context) => ({ family: colours.font, size: 12.5, weight: emphasis(context) }),
          },
        },
      },
    },
    plugins: [figures],
  });
}

/**
 * Draw the charts inside `result` from its `chart-data`, each when it comes near the screen and again when
 * the colour scheme changes. A chart far away is taken down: a hundred canvases would fill a phone's memory.
 */
export function connectCharts(result) {
  const source = result.querySelector("#chart-data");
  if (!source) return;
  const { labels, faces } = JSON.parse(source.textContent);
  const drawn = new Map();
  const put = (canvas) => drawn.set(canvas, draw(canvas, labels, faces[canvas.dataset.chart]));
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting && !drawn.has(target)) put(target);
        else if (!isIntersecting && drawn.delete(target)) window.Chart.getChart(target)?.destroy();
      }
    },
    { rootMargin: NEAR },
  );
  for (const canvas of result.querySelectorAll("canvas[data-chart]")) observer.observe(canvas);
  dark.addEventListener("change", () => {
    for (const [canvas, chart] of drawn) {
      chart.destroy();
      put(canvas);
    }
  });
}
