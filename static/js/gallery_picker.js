/** Asks which of several faces is meant: by a click on its box, or by the buttons below, which the keyboard reaches. */

import { facePicture, lightBox, showBoxes } from "./gallery_boxes.js";

/** Resolves with the chosen face's box as "left,top,width,height", or with "" when the reader gives up. */
export function pickFace({ file, width, height, faces }) {
  const dialog = document.getElementById("pick-face");
  const figure = dialog.querySelector("[data-picture]");
  const list = dialog.querySelector("[data-faces]");
  const address = URL.createObjectURL(file);
  dialog.querySelector("[data-name]").textContent = file.name;
  return new Promise((resolve) => {
    const done = (value) => {
      dialog.removeEventListener("close", giveUp);
      URL.revokeObjectURL(address);
      if (dialog.open) dialog.close();
      resolve(value);
    };
    const giveUp = () => done("");
    const choose = (number) => {
      const { left, top, width: wide, height: high } = faces[number - 1].box;
      done([left, top, wide, high].join(","));
    };
    list.replaceChildren(...faces.map((face, index) => faceButton(face, index + 1, { figure, choose })));
    showBoxes(figure, { address, width, height, faces, onPick: choose });
    dialog.addEventListener("close", giveUp);
    dialog.showModal();
    list.querySelector("button").focus();
  });
}

function faceButton(face, number, { figure, choose }) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "gal-pick-face";
  button.setAttribute("aria-label", `Face ${number}`);
  button.append(facePicture(face, number));
  button.addEventListener("click", () => choose(number));
  for (const type of ["focus", "pointerenter"]) button.addEventListener(type, () => lightBox(figure, number));
  item.append(button);
  return item;
}
