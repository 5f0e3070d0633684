"use strict";
// Puts the page together: one scatter, one panel, and the pair that both are about.

const NOTES = {
  umap: "UMAP has no unit: the distance of the clouds means nothing.",
  svd: "The two leading singular vectors, not centred, as in the paper's figure 1.",
  gap_axis: "Across: the position along the gap, in the unit of the embeddings.",
};
const $ = (id) => document.getElementById(id);

const shown = { points: null, texts: null };
const state = { method: "umap", selected: null };
let scatter;
let gestures;
let list;

const problem = (sentence) => {
  $("problem").textContent = sentence;
  $("problem").hidden = !sentence;
};

// Runs what may be refused, and says so where it is.
async function trying(work) {
  try {
    problem("");
    return await work();
  } catch (error) {
    problem(error instanceof Refusal ? error.message : `Something went wrong: ${error.message}`);
    if (!(error instanceof Refusal)) console.error(error);
    return undefined;
  }
}

const base = () => `data/${shown.points.version}`;

function tab(name) {
  for (const each of ["list", "pair", "hits"]) {
    $(each).hidden = each !== name;
    $(`tab-${each}`).setAttribute("aria-selected", String(each === name));
  }
}

// Shows a tab from its top; where the panel is below the scatter, the page goes there.
function reveal(name) {
  tab(name);
  $(name).scrollTop = 0;
  if (matchMedia("(max-width: 820px)").matches) $("panel").scrollIntoView();
}

function project(method) {
  state.method = method;
  for (const button of $("methods").children) button.setAttribute("aria-pressed", String(button.dataset.method === method));
  const unplaced = shown.points.methods[method][0].filter((x) => x === null).length;
  const lacking = unplaced === 1 ? "1 pair has no place yet" : `${unplaced.toLocaleString("en")} pairs have no place yet`;
  $("method-note").textContent = NOTES[method] + (unplaced ? ` ${lacking}: \`gap run\` gives it one.` : "");
  scatter.show(shown.points.methods[method]);
  list.show(null);
}

async function choose(index) {
  state.selected = index;
  scatter.selected = index;
  scatter.redraw();
  list.mark(index);
  remember(shown.points.ids[index]);
  const details = await trying(() => read(`${base()}/videos/${index}.json`));
  if (!details || state.selected !== index) return;
  $("pair").replaceChildren(pairPanel(shown, { ...details, index }, { address: base(), choose }));
  reveal("pair");
}

// The pair's link; a page inside a notebook has no address of its own.
function remember(id) {
  try {
    history.replaceState(null, "", `#video=${encodeURIComponent(id)}`);
  } catch {
    return;
  }
}

async function search(withTexts) {
  const sentence = $("sentence").value.trim();
  if (!sentence) return;
  if (!shown.points.searches) {
    list.words.value = sentence;
    list.update();
    reveal("list");
    return;
  }
  $("hits").replaceChildren(make("p", { className: "note", text: "Searching … the first search loads the model." }));
  reveal("hits");
  const asked = new URLSearchParams({ sentence, ...(withTexts ? { with_texts: "1" } : {}) });
  const found = await trying(() => read(`${base()}/search?${asked}`));
  if (!found) {
    $("hits").replaceChildren();
    return;
  }
  $("hits").replaceChildren(hitsPanel(shown, sentence, found, withTexts, { choose, again: search }));
  scatter.hits = found.raw.items.slice(0, 10).map(([i, modality]) => ({ i, modality }));
  scatter.redraw();
}

function tip(point, x, y) {
  const element = $("tip");
  element.hidden = !point;
  if (!point) return;
  const { points, texts } = shown;
  const said = texts && (texts.summaries[point.i] || texts.human[point.i]);
  element.replaceChildren(make("b", { text: points.ids[point.i] }), `${point.modality}; cosine of the pair ${number(points.cosines[point.i])}`, ...(said ? [make("div", { text: said })] : []));
  const box = $("canvases");
  element.style.left = `${Math.max(0, Math.min(x + 14, box.clientWidth - element.offsetWidth - 4))}px`;
  element.style.top = `${y + 16 + element.offsetHeight > box.clientHeight ? Math.max(0, y - element.offsetHeight - 12) : y + 16}px`;
}

function heading({ title, encoder, gap, ids, fusion, text_source: source }) {
  const interval = gap.low === null ? "" : ` [${number(gap.low)}, ${number(gap.high)}]`;
  const of = gap.n === ids.length ? "" : ` of ${gap.n} pairs`;
  const told = gap.value === null ? "" : `; gap ${number(gap.value)}${interval}${of}`;
  document.title = `${title}: videos and texts`;
  $("title").textContent = title;
  $("gap").textContent = `${ids.length.toLocaleString("en")} pairs by ${encoder} (${fusion} of the frames, ${source})${told}`;
}

function wire() {
  for (const button of $("methods").children) button.addEventListener("click", () => project(button.dataset.method));
  $("lines").addEventListener("change", (event) => {
    scatter.lines = event.target.checked;
    scatter.redraw();
  });
  $("select").addEventListener("click", () => {
    gestures.drawing = !gestures.drawing;
    $("select").setAttribute("aria-pressed", String(gestures.drawing));
    scatter.over.classList.toggle("drawing", gestures.drawing);
  });
  $("reset").addEventListener("click", () => scatter.reset());
  for (const name of ["list", "pair", "hits"]) $(`tab-${name}`).addEventListener("click", () => tab(name));
  // No form: a notebook's frame may not submit one.
  $("search").querySelector("button").addEventListener("click", () => search(false));
  $("sentence").addEventListener("keydown", (event) => {
    if (event.key === "Enter") search(false);
  });
  $("problem").addEventListener("click", () => problem(""));
  addEventListener("hashchange", fromAddress);
}

function fromAddress() {
  const id = new URLSearchParams(location.hash.slice(1)).get("video");
  const index = id === null ? -1 : shown.points.ids.indexOf(id);
  if (index >= 0 && index !== state.selected) choose(index);
  else if (id !== null && index < 0) problem(`There is no pair named ${id} here.`);
}

async function start() {
  shown.points = await read("data/points.json");
  heading(shown.points);
  $("report").hidden = !shown.points.has_report;
  if (!shown.points.searches) {
    $("tab-hits").hidden = true;
    $("sentence").placeholder = "words of a name or a text";
  }
  const region = (found) => {
    list.show(found);
    reveal("list");
  };
  scatter = new Scatter($("canvases"));
  gestures = new Gestures(scatter, { choose, hover: tip, region });
  list = new PairList($("list"), shown, choose, () => {
    scatter.region = null;
    scatter.redraw();
    list.show(null);
  });
  wire();
  const placed = (method) => shown.points.methods[method][0].some((x) => x !== null);
  project(["umap", "svd", "gap_axis"].find(placed) || "umap");
  requestAnimationFrame(() => requestAnimationFrame(() => performance.mark("first picture")));
  tab("list");
  $("pair").replaceChildren(make("p", { className: "note", text: "Choose a point or a line of the list." }));
  $("hits").replaceChildren(make("p", { className: "note", text: "Type a sentence above: the model ranks videos by it, with the gap and without." }));
  shown.texts = await read(`${base()}/texts.json`);
  list.update();
  fromAddress();
}

trying(start);
