/** A picture of the reader's own computer with boxes on the faces that the server found in it. */

const SVG = "http://www.w3.org/2000/svg";

function svgElement(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}

/** A box as two rectangles, light on dark, so that it is seen on every picture. */
function drawn({ left, top, width, height }, number, size) {
  const place = { x: left, y: top, width, height, "vector-effect": "non-scaling-stroke" };
  const group = svgElement("g", { class: "gal-box", "data-face": number });
  const tag = svgElement("text", { x: left, y: Math.max(size, top - size / 3), "font-size": size, class: "gal-box-tag" });
  tag.textContent = String(number);
  group.append(svgElement("rect", { ...place, class: "gal-box-casing" }), svgElement("rect", { ...place, class: "gal-box-line" }), tag);
  return group;
}

/**
 * Show `address` with boxes in `figure`. `onPick(number)`, from 1, is called for a click on a box.
 * The boxes are for the eye and the mouse; whoever calls offers the same faces as buttons.
 */
export function showBoxes(figure, { address, width, height, faces, onPick }) {
  const image = document.createElement("img");
  image.alt = "";
  image.src = address;
  // HEIC and TIFF cannot be shown by most browsers: the small pictures of the faces are enough then.
  image.addEventListener("error", () => figure.replaceChildren());
  const svg = svgElement("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true", focusable: "false" });
  const size = Math.max(width, height) / 32;
  faces.forEach((face, index) => {
    const group = drawn(face.box, index + 1, size);
    group.addEventListener("click", () => onPick(index + 1));
    svg.append(group);
  });
  figure.replaceChildren(image, svg);
}

/** Light up one face's box in `figure`, or none for null. */
export function lightBox(figure, number) {
  for (const box of figure.querySelectorAll(".gal-box")) box.classList.toggle("is-lit", box.dataset.face === String(number));
}

/** The face's small picture, or its number where the server sent none. */
export function facePicture(face, number) {
  if (!face.crop) {
    const mark = document.createElement("span");
    mark.className = "gal-initial";
    mark.textContent = String(number);
    return mark;
  }
  const image = document.createElement("img");
  image.src = face.crop;
  image.alt = "";
  return image;
}
