/** The boxes on a photo: readable at every size, and tied to the cards beside it. */

/** A label is full-sized beside faces of at least this height in CSS pixels, smaller beside smaller ones. */
const ROOMY_FACE = 36;
const SMALLEST_LABEL = 0.66;
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** Put a label above its box, or inside where it would be cut off, and never past the right edge. */
function placeLabel(tag, view, fit, scale) {
  const box = tag.closest(".es-box").querySelector(".es-box-line");
  const [ground, words] = tag.children;
  const height = ground.height.baseVal.value;
  const width = ground.width.baseVal.value;
  const shift = Math.min(0, ((view.width - box.x.baseVal.value) * fit) / scale - width);
  const top = box.y.baseVal.value * fit < height * scale ? 0 : -height;
  ground.setAttribute("x", shift);
  words.setAttribute("x", shift + width / 2);
  for (const part of tag.children) part.setAttribute("y", top);
}

/** Tell the style sheet how many picture pixels a CSS pixel is, now and whenever the size changes. */
function fitLabels(svg) {
  const view = svg.viewBox.baseVal;
  const heights = [...svg.querySelectorAll(".es-box-line")].map((box) => box.height.baseVal.value);
  const usual = heights.sort((a, b) => a - b)[Math.floor(heights.length / 2)];
  const measure = () => {
    const shown = svg.getBoundingClientRect();
    const fit = Math.min(shown.width / view.width, shown.height / view.height);
    if (!(fit > 0)) return;
    const scale = Math.min(1, Math.max(SMALLEST_LABEL, (usual * fit) / ROOMY_FACE));
    svg.style.setProperty("--unit", String(scale / fit));
    svg.classList.add("is-measured");
    for (const tag of svg.querySelectorAll(".es-tag")) placeLabel(tag, view, fit, scale);
  };
  new ResizeObserver(measure).observe(svg);
  measure();
}

function lightUp(result, number) {
  if (result.dataset.lit === (number ?? "")) return;
  result.dataset.lit = number ?? "";
  for (const lit of result.querySelectorAll(".is-lit")) lit.classList.remove("is-lit");
  if (!number) return;
  for (const part of result.querySelectorAll(`[data-person="${number}"]`)) part.classList.add("is-lit");
}

function jump(element, block) {
  element.scrollIntoView({ block, behavior: still.matches ? "auto" : "smooth" });
}

/** Connect the boxes and cards inside `result`; does nothing where there are no faces. */
export function connectBoxes(result) {
  const svg = result.querySelector("[data-boxes]");
  if (!svg) return;
  fitLabels(svg);
  // A link from elsewhere leads to one face of the photo.
  const asked = /^#person-(\d+)$/.exec(location.hash);
  if (asked) lightUp(result, asked[1]);
  const follow = (event) => lightUp(result, event.target.closest("[data-person]")?.dataset.person);
  result.addEventListener("focusin", follow);
  let place = "";
  result.addEventListener("pointermove", (event) => {
    // A page that scrolls under a resting mouse must not light up what happens to come by.
    const now = `${event.clientX} ${event.clientY}`;
    if (now !== place) follow(event);
    place = now;
  });
  result.addEventListener("pointerleave", () => lightUp(result, null));
  result.addEventListener("click", (event) => {
    const box = event.target.closest(".es-box");
    const back = event.target.closest("[data-to-box]");
    if (!box && !back) return;
    event.preventDefault();
    const target = document.getElementById(box ? `person-${box.dataset.person}` : `box-${back.dataset.toBox}`);
    // A box is looked at in the whole picture, a card by itself.
    if (box) jump(target, "center");
    else {
      jump(document.getElementById("picture"), "nearest");
      target.scrollIntoView({ block: "nearest", inline: "center" });
    }
    target.focus({ preventScroll: true });
    lightUp(result, box?.dataset.person ?? back.dataset.toBox);
  });
}
