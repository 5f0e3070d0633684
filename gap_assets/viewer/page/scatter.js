"use strict";
// The two clouds on a canvas: what is drawn, and which point is where. Points are those of one
// projection. What the pointer does is `gestures.js`'s.

const COLORS = { video: "#c8322b", text: "#1f5fa8", line: "#5f6670", ring: "#1b1f24", hit: "#b07a00" };
const REACH = 9; // pixels from a point at which the pointer still means it
const CLOSEST = 2000; // times the scale at which all points are seen
const CELL = 24; // pixels of the grid in which points are looked up

class Scatter {
  constructor(box) {
    this.box = box;
    [this.base, this.over] = box.querySelectorAll("canvas");
    this.columns = null; // x and y of videos, x and y of texts
    this.lines = true;
    this.hovered = null;
    this.selected = null;
    this.hits = [];
    this.region = null; // a polygon in data coordinates
    this.pencil = null; // one that is being drawn
    new ResizeObserver(() => this.resize()).observe(box);
  }

  show(columns) {
    this.columns = columns;
    this.region = null;
    this.reset();
  }

  reset() {
    const [vx, vy, tx, ty] = this.columns;
    const xs = [...vx, ...tx].filter((x) => x !== null);
    const ys = [...vy, ...ty].filter((y) => y !== null);
    const low = [xs, ys].map((all) => all.reduce((a, b) => Math.min(a, b), Infinity));
    const high = [xs, ys].map((all) => all.reduce((a, b) => Math.max(a, b), -Infinity));
    const [width, height] = this.size();
    const spans = [high[0] - low[0] || 1, high[1] - low[1] || 1];
    // The same scale both ways: a distance on one axis is one on the other.
    this.whole = xs.length ? Math.min((width - 40) / spans[0], (height - 40) / spans[1]) : 1;
    this.scale = this.whole;
    this.center = xs.length ? [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2] : [0, 0];
    this.redraw();
  }

  size() {
    return [this.box.clientWidth, this.box.clientHeight];
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = this.size();
    for (const canvas of [this.base, this.over]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    if (this.columns) this.reset();
  }

  toScreen(x, y) {
    const [width, height] = this.size();
    return [width / 2 + (x - this.center[0]) * this.scale, height / 2 - (y - this.center[1]) * this.scale];
  }

  toData(px, py) {
    const [width, height] = this.size();
    return [this.center[0] + (px - width / 2) / this.scale, this.center[1] - (py - height / 2) / this.scale];
  }

  redraw() {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.drawBase();
      this.drawOver();
    });
  }

  drawBase() {
    const [width, height] = this.size();
    const context = this.base.getContext("2d");
    context.clearRect(0, 0, width, height);
    const n = this.columns[0].length;
    this.places = { video: new Float32Array(2 * n), text: new Float32Array(2 * n) };
    ["video", "text"].forEach((modality, k) => {
      const [xs, ys] = [this.columns[2 * k], this.columns[2 * k + 1]];
      const places = this.places[modality];
      for (let i = 0; i < n; i++) {
        const at = xs[i] === null ? [NaN, NaN] : this.toScreen(xs[i], ys[i]);
        places[2 * i] = at[0];
        places[2 * i + 1] = at[1];
      }
    });
    if (this.lines) this.drawLines(context, n);
    this.drawMarks(context, n, width, height);
    this.index(n, width, height);
  }

  drawLines(context, n) {
    const { video, text } = this.places;
    context.strokeStyle = COLORS.line;
    context.lineWidth = n > 2000 ? 0.5 : 1;
    context.globalAlpha = Math.min(0.35, Math.max(0.04, 40 / n));
    context.beginPath();
    for (let i = 0; i < n; i++) {
      if (Number.isNaN(video[2 * i]) || Number.isNaN(text[2 * i])) continue;
      context.moveTo(video[2 * i], video[2 * i + 1]);
      context.lineTo(text[2 * i], text[2 * i + 1]);
    }
    context.stroke();
  }

  drawMarks(context, n, width, height) {
    const side = n > 5000 ? 3 : n > 800 ? 5 : 8;
    context.globalAlpha = n > 5000 ? 0.55 : 0.85;
    for (const modality of ["video", "text"]) {
      const places = this.places[modality];
      context.fillStyle = COLORS[modality];
      for (let i = 0; i < n; i++) {
        const [x, y] = [places[2 * i], places[2 * i + 1]];
        if (!(x > -side && x < width + side && y > -side && y < height + side)) continue;
        if (modality === "text" || side < 5) {
          context.fillRect(x - side / 2, y - side / 2, side, side);
        } else {
          context.beginPath();
          context.arc(x, y, side / 2, 0, 2 * Math.PI);
          context.fill();
        }
      }
    }
    context.globalAlpha = 1;
  }

  // Which points are in which cell of the screen, so that the pointer asks a few only.
  index(n, width, height) {
    this.across = Math.ceil(width / CELL) + 1;
    this.cells = new Map();
    for (const modality of ["video", "text"]) {
      const places = this.places[modality];
      for (let i = 0; i < n; i++) {
        const [x, y] = [places[2 * i], places[2 * i + 1]];
        if (!(x >= 0 && x <= width && y >= 0 && y <= height)) continue;
        const cell = Math.floor(y / CELL) * this.across + Math.floor(x / CELL);
        if (!this.cells.has(cell)) this.cells.set(cell, []);
        this.cells.get(cell).push({ i, modality, x, y });
      }
    }
  }

  nearest(px, py) {
    let best = null;
    let least = REACH * REACH;
    for (let dy = -1; dy <= 1; dy++) {
      for (let dx = -1; dx <= 1; dx++) {
        const cell = (Math.floor(py / CELL) + dy) * this.across + Math.floor(px / CELL) + dx;
        for (const point of this.cells?.get(cell) || []) {
          const distance = (point.x - px) ** 2 + (point.y - py) ** 2;
          if (distance <= least) [best, least] = [point, distance];
        }
      }
    }
    return best;
  }

  zoom(factor, [px, py]) {
    const before = this.toData(px, py);
    this.scale = Math.min(Math.max(this.scale * factor, this.whole / 4), this.whole * CLOSEST);
    const after = this.toData(px, py);
    this.center = this.center.map((c, k) => c + before[k] - after[k]);
    this.redraw();
  }

  pan(dx, dy) {
    this.center = [this.center[0] - dx / this.scale, this.center[1] + dy / this.scale];
    this.redraw();
  }

  drawOver() {
    const [width, height] = this.size();
    const context = this.over.getContext("2d");
    context.clearRect(0, 0, width, height);
    for (const { i, modality } of this.hits) this.ring(context, i, modality, COLORS.hit, 7);
    if (this.selected !== null) this.pairRing(context, this.selected, 2);
    if (this.hovered !== null) this.pairRing(context, this.hovered.i, 1);
    const outline = this.pencil || this.region;
    if (outline) {
      context.beginPath();
      for (const [x, y] of outline) context.lineTo(...this.toScreen(x, y));
      if (!this.pencil) context.closePath();
      context.strokeStyle = COLORS.ring;
      context.lineWidth = 1.5;
      context.setLineDash([5, 4]);
      context.stroke();
      context.setLineDash([]);
      context.fillStyle = "rgb(27 31 36 / 6%)";
      context.fill();
    }
  }

  pairRing(context, i, width) {
    const { video, text } = this.places;
    context.beginPath();
    context.moveTo(video[2 * i], video[2 * i + 1]);
    context.lineTo(text[2 * i], text[2 * i + 1]);
    context.strokeStyle = COLORS.ring;
    context.lineWidth = width;
    context.stroke();
    for (const modality of ["video", "text"]) this.ring(context, i, modality, COLORS.ring, 7, width);
  }

  ring(context, i, modality, color, radius, width = 2) {
    const places = this.places[modality];
    const [x, y] = [places[2 * i], places[2 * i + 1]];
    context.beginPath();
    if (modality === "video") context.arc(x, y, radius, 0, 2 * Math.PI);
    else context.rect(x - 0.9 * radius, y - 0.9 * radius, 1.8 * radius, 1.8 * radius);
    context.fillStyle = COLORS[modality];
    context.fill();
    context.strokeStyle = color;
    context.lineWidth = width + 1;
    context.stroke();
  }

  // Pairs of which either point is inside the region.
  inside(polygon) {
    const screen = polygon.map(([x, y]) => this.toScreen(x, y));
    const found = [];
    for (let i = 0; i < this.columns[0].length; i++) {
      const { video, text } = this.places;
      if (within(screen, video[2 * i], video[2 * i + 1]) || within(screen, text[2 * i], text[2 * i + 1])) {
        found.push(i);
      }
    }
    return found;
  }
}

function within(polygon, x, y) {
  let odd = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [[xi, yi], [xj, yj]] = [polygon[i], polygon[j]];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) odd = !odd;
  }
  return odd;
}
