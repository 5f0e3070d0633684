"use strict";
// One pair: the film, its frames with their captions, what is said of it, who is near.

const COLUMNS = 10; // pictures in a row of the strip

// The panel of one pair. `choose` opens another one.
function pairPanel(shown, details, { address, choose }) {
  const { points } = shown;
  const panel = make("div");
  const film = points.plays && details.file ? player(details, `${address}/files/${details.index}`) : null;
  panel.append(
    make("h2", { text: details.id }),
    ...(film ? [film.video, film.note] : []),
    facts(points, details),
    ...frameStrip(details, picture(`${address}/strips/${details.index}.jpg`), film && film.video),
    ...near(shown, details, choose),
  );
  return panel;
}

const FAULTS = {
  0: "Nothing answers any more; start `gap explore` again.",
  404: "The video's file is not where it was catalogued, or may not be read; is a drive missing?",
  410: "The warehouse has changed since; load the page again.",
  503: "A run is writing; choose the pair again in a while.",
};

function player(details, source) {
  const video = make("video", { controls: true, preload: "metadata", src: source });
  const note = make("p", { className: "note", hidden: true });
  video.addEventListener("error", async () => {
    const there = await fetch(source, { method: "HEAD" }).catch(() => ({ status: 0 }));
    note.textContent = FAULTS[there.status] || `This browser cannot play ${details.file}${details.codec ? ` (${details.codec})` : ""}; open the file in a player.`;
    note.hidden = false;
    video.hidden = true;
  });
  return { video, note };
}

function facts(points, details) {
  const list = make("dl");
  const add = (name, value) => {
    if (value) list.append(make("dt", { text: name }), make("dd", { text: value }));
  };
  const n = points.ids.length;
  add("Summary", details.summary);
  add("People wrote", details.human);
  add("Cosine", `${number(details.cosine)}: number ${details.worst_first} of ${n} from the worst`);
  add("Rank of its text", `${rank(details.text_rank)} of ${n} texts for this video`);
  add("Rank of its video", `${rank(details.video_rank)} of ${n} videos for this text`);
  add("File", [details.file, details.codec, details.duration_s && `${number(details.duration_s, 1)} s`].filter(Boolean).join(", "));
  if (details.status !== "ok") add("Damage", details.error);
  return list;
}

const rank = (value) => (Number.isInteger(value) ? `${value}` : value.toFixed(1));

function frameStrip(details, strip, video) {
  const { cell } = details;
  if (!details.frames.length) return [];
  const all = details.frames.length === details.n_frames;
  const kept = details.frames.filter((frame) => frame.kept).length;
  const list = make("ol", { className: "strip" });
  details.frames.forEach((frame, k) => {
    const image = make("span", { className: "picture" });
    if (cell && strip) {
      const [width, height] = cell;
      const scale = Math.min(1, 96 / width);
      Object.assign(image.style, {
        width: `${width * scale}px`,
        height: `${height * scale}px`,
        backgroundImage: `url("${strip}")`,
        backgroundSize: `${Math.min(COLUMNS, details.frames.length) * width * scale}px auto`,
        backgroundPosition: `${-(k % COLUMNS) * width * scale}px ${-Math.floor(k / COLUMNS) * height * scale}px`,
      });
    }
    const button = make(
      "button",
      { type: "button", title: frameTitle(frame) },
      image,
      make("span", { className: "time", text: time(frame.time) }),
      make("span", { className: "caption", text: frame.caption || "" }),
    );
    if (video) {
      button.addEventListener("click", () => {
        video.currentTime = frame.time;
        video.scrollIntoView({ block: "nearest" });
      });
    }
    list.append(make("li", { className: frame.kept ? "kept" : "dropped" }, button));
  });
  const shown = all ? `${details.n_frames} frames` : `${details.frames.length} of ${details.n_frames} frames`;
  return [
    make("h3", { text: "Frames and their captions" }),
    make("p", { className: "note", text: `${shown}; ${kept} captions that the filter kept have a golden frame.${video ? " A click on a frame goes to its time." : ""}` }),
    list,
  ];
}

function frameTitle(frame) {
  const told = [`at ${number(frame.time, 2)} s`];
  if (frame.kept) told.push(`kept; stands for ${frame.stands_for} ${frame.stands_for === 1 ? "frame" : "frames"}`);
  if (frame.repeats > 1) told.push(`counts ${frame.repeats} times`);
  if (frame.cosine !== null) told.push(`cosine to the video's text ${number(frame.cosine)}`);
  return told.join("; ");
}

function near(shown, details, choose) {
  const column = (title, modality, items) =>
    make(
      "div",
      {},
      make("h3", { text: title }),
      make("ol", { className: "rows" }, ...items.map(([i, cosine]) => row(shown, { i, modality, right: number(cosine) }, choose))),
    );
  return [
    make(
      "div",
      { className: "two" },
      column("Videos nearest to this video", "video", details.near_video.videos),
      column("Texts nearest to this video", "text", details.near_video.texts),
      column("Videos nearest to its text", "video", details.near_text.videos),
      column("Texts nearest to its text", "text", details.near_text.texts),
    ),
  ];
}

// One line of a list: mark, name, a number, and what is said; `place` and `note` are a search's.
function row(shown, { i, modality, right, place = "", note = "" }, choose) {
  const { points, texts } = shown;
  const said = [note, texts && (texts.summaries[i] || texts.human[i])].filter(Boolean).join(" · ");
  const button = make(
    "button",
    { type: "button" },
    make("span", {}, ...(place ? [make("span", { className: "place", text: place })] : []), make("span", { className: `mark ${modality}`, ariaLabel: modality, role: "img" })),
    make("span", { className: "name", text: points.ids[i] }),
    make("span", { text: right }),
    ...(said ? [make("span", { className: "said", text: said })] : []),
  );
  button.dataset.index = i;
  button.addEventListener("click", () => choose(i));
  return make("li", {}, button);
}
