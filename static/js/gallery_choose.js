/**
 * Choosing several of a grid: says how many are chosen, and lets only those deeds be done that make sense.
 * Without it the boxes and buttons work all the same; the server says what is missing then.
 */

function tickBoxes(form) {
  return [...document.querySelectorAll(`input[type="checkbox"][name="${form.dataset.choose}"]`)].filter((box) => box.form === form);
}

function update(form) {
  const boxes = tickBoxes(form);
  const count = boxes.filter((box) => box.checked).length;
  const words = count ? `${count} chosen` : "Choose some, or";
  const place = form.querySelector("[data-chosen]");
  if (place.textContent !== words) place.textContent = words;
  for (const button of form.querySelectorAll("[data-least]")) button.disabled = count < Number(button.dataset.least);
  const all = form.querySelector("[data-choose-all]");
  all.hidden = boxes.length === 0;
  all.textContent = count === boxes.length && count > 0 ? "Choose none" : "Choose all shown";
}

function updateAll() {
  for (const form of document.querySelectorAll("form[data-choose]")) update(form);
}

document.addEventListener("change", (event) => {
  const form = event.target.form;
  if (form?.matches("form[data-choose]")) update(form);
});
document.addEventListener("click", (event) => {
  const all = event.target.closest("[data-choose-all]");
  if (!all) return;
  const form = all.form;
  const boxes = tickBoxes(form);
  const every = boxes.every((box) => box.checked);
  for (const box of boxes) box.checked = !every;
  update(form);
});
// More of the grid came in, or a part of the page was renewed.
document.addEventListener("htmx:load", updateAll);
updateAll();
