"use strict";
// The list of pairs, sorted and cut to a region or to words, and what a search found.

const PAGE = 100; // lines that are made at a time
const ORDERS = {
  worst: ["least cosine first", (points) => (a, b) => points.cosines[a] - points.cosines[b]],
  best: ["greatest cosine first", (points) => (a, b) => points.cosines[b] - points.cosines[a]],
  name: ["by name", () => (a, b) => a - b],
};

// The list in its panel; `show` cuts it to some pairs, or (null) shows all.
class PairList {
  constructor(panel, shown, choose, clear) {
    Object.assign(this, { shown, choose, region: null });
    this.order = make("select", { ariaLabel: "Order" }, ...Object.entries(ORDERS).map(([value, [text]]) => make("option", { value, text })));
    this.words = make("input", { type: "search", placeholder: "contains …", ariaLabel: "Only pairs whose name or text contains" });
    this.count = make("span", { className: "count" });
    this.all = make("button", { type: "button", text: "All pairs", hidden: true });
    this.rows = make("ol", { className: "rows" });
    this.more = make("button", { type: "button", text: "Show more", hidden: true });
    panel.append(make("div", { className: "row-bar" }, this.count, this.all, this.order, this.words), this.rows, this.more);
    this.order.addEventListener("change", () => this.update());
    this.words.addEventListener("input", () => this.update());
    this.more.addEventListener("click", () => this.add());
    this.all.addEventListener("click", clear);
    this.update();
  }

  show(region) {
    this.region = region;
    this.update();
  }

  update() {
    const { points, texts } = this.shown;
    const words = this.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const says = (i) => [points.ids[i], texts?.summaries[i], texts?.human[i]].filter(Boolean).join(" ").toLowerCase();
    let found = this.region || points.ids.map((_, i) => i);
    if (words.length) {
      found = found.filter((i) => {
        const said = says(i);
        return words.every((word) => said.includes(word));
      });
    }
    this.found = [...found].sort(ORDERS[this.order.value][1](points));
    this.count.textContent = `${found.length.toLocaleString("en")} ${found.length === 1 ? "pair" : "pairs"}${this.region ? " in the region" : ""}`;
    this.all.hidden = !this.region;
    this.rows.replaceChildren();
    this.add();
  }

  add() {
    const from = this.rows.childElementCount;
    const next = this.found.slice(from, from + PAGE);
    this.rows.append(...next.map((i) => row(this.shown, { i, modality: "video", right: number(this.shown.points.cosines[i]) }, this.choose)));
    this.more.hidden = this.rows.childElementCount >= this.found.length;
    this.mark();
  }

  mark(selected = this.selected) {
    this.selected = selected;
    for (const button of this.rows.querySelectorAll("button")) {
      if (Number(button.dataset.index) === selected) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }
}

// What a search found: the two rankings side by side.
function hitsPanel(shown, sentence, found, withTexts, { choose, again }) {
  const total = shown.points.ids.length * (withTexts ? 2 : 1);
  const toggle = make("label", {}, make("input", { type: "checkbox", checked: withTexts, onchange: (event) => again(event.target.checked) }), " search texts, too");
  const moves = found.raw.ranks.slice(0, 10).filter((there) => there > 10).length;
  const told = withTexts
    ? `Of the ${found.raw.first} nearest, ${found.raw.texts_first} are texts as embedded, and ${found.centred.texts_first} with the gap taken out.`
    : `${moves} of the 10 nearest videos are not among the 10 nearest once the gap is taken out.`;
  const column = (title, hits, other) =>
    make(
      "div",
      {},
      make("h3", { text: title }),
      make(
        "ol",
        { className: "rows" },
        ...hits.items.map(([i, modality, cosine], k) =>
          row(shown, { i, modality, right: number(cosine), place: `${k + 1}`, note: hits.ranks[k] === k + 1 ? "" : `number ${hits.ranks[k]} ${other}` }, choose),
        ),
      ),
    );
  return make(
    "div",
    {},
    make("h2", { text: `“${sentence}”` }),
    make("div", { className: "row-bar" }, make("span", { className: "count", text: `${total.toLocaleString("en")} items` }), toggle),
    make("p", { className: "note", text: told }),
    make("p", { className: "note", text: "To take the gap out, each modality's mean is subtracted from it and from the sentence." }),
    make("div", { className: "two" }, column("As embedded", found.raw, "without the gap"), column("Gap taken out", found.centred, "as embedded")),
  );
}
