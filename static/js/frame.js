/** What every page has: the user menu, dialogs, times in the reader's own time zone. */

const THIS_YEAR = new Date().getFullYear();
const FORMATS = {
  day: new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" }),
  year: new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" }),
  minute: new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }),
};

function localTimes(root) {
  for (const time of root.querySelectorAll("time[data-local-time]")) {
    const date = new Date(time.dateTime);
    const { localTime } = time.dataset;
    const name = localTime === "day" && date.getFullYear() !== THIS_YEAR ? "year" : localTime;
    time.textContent = FORMATS[name].format(date);
    time.title = FORMATS.minute.format(date);
  }
}

/** A <details> opens by itself, but does not close when the user goes elsewhere. */
function closeMenus(event) {
  for (const menu of document.querySelectorAll("[data-menu][open]")) {
    const leaves = event.type === "keydown" ? event.key === "Escape" : !menu.contains(event.target);
    if (!leaves) continue;
    menu.open = false;
    if (event.type === "keydown") menu.querySelector("summary").focus();
  }
}

function handleDialogs(event) {
  const opener = event.target.closest("[data-opens]");
  if (opener) {
    event.preventDefault();
    document.getElementById(opener.dataset.opens).showModal();
  }
  const dialog = event.target.closest("dialog");
  // A click on the dialog itself, not on something in it, is a click on the backdrop or its padding.
  if (event.target.closest("[data-closes-dialog]") || event.target === dialog) {
    if (!dialog.open) return;
    event.preventDefault();
    dialog.close();
  }
}

for (const type of ["click", "keydown", "focusin"]) document.addEventListener(type, closeMenus);
document.addEventListener("click", handleDialogs);
document.addEventListener("htmx:load", (event) => localTimes(event.target));
localTimes(document);
