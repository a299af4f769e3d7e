/** Completion of people's names: a combobox whose list comes from the server while one types. */

const PAUSE = 180;

class WhoField {
  constructor(root) {
    this.root = root;
    this.input = root.querySelector('[role="combobox"]');
    this.list = root.querySelector('[role="listbox"]');
    this.chosen = root.querySelector("[data-who-subject]");
    this.words = root.querySelector("[data-who-words]");
    this.usual = this.words.textContent;
    this.people = [];
    this.active = -1;
    this.asked = 0;
    this.input.addEventListener("input", () => this.typed());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("blur", () => setTimeout(() => this.close(), 120));
    this.list.addEventListener("pointerdown", (event) => {
      // Before the field loses the focus, and with it the list.
      event.preventDefault();
      const option = event.target.closest('[role="option"]');
      if (option) this.choose(Number(option.dataset.index));
    });
  }

  typed() {
    this.chosen.value = "";
    this.words.textContent = this.usual;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), PAUSE);
  }

  async ask() {
    const text = this.input.value.trim();
    this.asked += 1;
    const mine = this.asked;
    if (!text) {
      this.close();
      return;
    }
    const query = new URLSearchParams({ q: text });
    if (this.root.dataset.gallery) query.set("gallery", this.root.dataset.gallery);
    try {
      const answer = await fetch(`${this.root.dataset.url}?${query}`, { headers: { Accept: "application/json" } });
      // An answer that is late must not replace that of a later letter.
      if (mine !== this.asked || !answer.ok) return;
      this.people = (await answer.json()).people;
    } catch (error) {
      // The connection, or a page instead of an answer: the name can still be typed in full.
      if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
      return;
    }
    this.show();
  }

  show() {
    this.active = -1;
    this.list.replaceChildren(...this.people.map((person, index) => this.option(person, index)));
    const open = this.people.length > 0 && document.activeElement === this.input;
    this.list.hidden = !open;
    this.input.setAttribute("aria-expanded", String(open));
    this.input.removeAttribute("aria-activedescendant");
    if (this.people.length === 0) {
      this.words.textContent = "onlyKnown" in this.root.dataset ? "Nobody is called like that." : "Nobody is called like that yet: a new person is made.";
    } else {
      this.words.textContent = `${this.people.length} offered; arrow keys and Enter choose.`;
    }
  }

  option(person, index) {
    const option = document.createElement("li");
    option.id = `${this.list.id}-${index}`;
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    option.dataset.index = String(index);
    if (person.picture) {
      const image = document.createElement("img");
      image.src = person.picture;
      image.alt = "";
      option.append(image);
    }
    const name = document.createElement("span");
    name.textContent = person.name;
    const place = document.createElement("span");
    place.className = "gal-who-place";
    place.textContent = `${person.gallery}, ${person.faces} face${person.faces === 1 ? "" : "s"}`;
    option.append(name, place);
    return option;
  }

  key(event) {
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in moves && this.people.length > 0) {
      event.preventDefault();
      if (this.list.hidden) this.show();
      this.move(moves[event.key]);
    } else if (event.key === "Enter" && !this.list.hidden && this.active >= 0) {
      event.preventDefault();
      this.choose(this.active);
    } else if (event.key === "Escape" && !this.list.hidden) {
      event.preventDefault();
      event.stopPropagation();
      this.close();
    }
  }

  move(step) {
    const options = [...this.list.children];
    this.active = (this.active + step + options.length) % options.length;
    options.forEach((option, index) => option.setAttribute("aria-selected", String(index === this.active)));
    this.input.setAttribute("aria-activedescendant", options[this.active].id);
    options[this.active].scrollIntoView({ block: "nearest" });
  }

  choose(index) {
    const person = this.people[index];
    this.input.value = person.name;
    this.chosen.value = person.id;
    this.words.textContent = `${person.name} of ${person.gallery}.`;
    this.close();
    this.root.dispatchEvent(new CustomEvent("who:chosen", { bubbles: true, detail: person }));
  }

  close() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }
}

/** Connect every field inside `root` that is not connected yet. */
export function connectWhoFields(root = document) {
  for (const field of root.querySelectorAll("[data-who]:not([data-connected])")) {
    field.dataset.connected = "";
    new WhoField(field);
  }
}

connectWhoFields();
document.addEventListener("htmx:load", (event) => connectWhoFields(event.target));
