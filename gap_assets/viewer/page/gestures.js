"use strict";
// What the pointer does to the scatter: pan, zoom, pinch, hover, choose, draw a region. Which pair or
// pairs are meant is told to `listener`: `hover`, `choose` and `region`.

const STILL = 4; // pixels that a click may move

class Gestures {
  constructor(scatter, listener) {
    this.scatter = scatter;
    this.listener = listener;
    this.drawing = false; // whether a drag draws a region, as it does with Shift
    this.pointers = new Map(); // those that are down, and where
    this.moved = 0;
    const surface = scatter.over;
    surface.addEventListener("pointerdown", (event) => this.down(event));
    surface.addEventListener("pointermove", (event) => this.move(event));
    surface.addEventListener("pointerup", (event) => this.up(event));
    surface.addEventListener("pointercancel", (event) => this.up(event));
    surface.addEventListener("pointerleave", () => this.hover(null, 0, 0));
    surface.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  at(event) {
    const box = this.scatter.over.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  down(event) {
    const place = this.at(event);
    this.scatter.over.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, place);
    this.moved = 0;
    this.hover(null, 0, 0);
    const draws = this.pointers.size === 1 && (this.drawing || event.shiftKey);
    this.scatter.pencil = draws ? [this.scatter.toData(...place)] : null;
  }

  move(event) {
    const to = this.at(event);
    const from = this.pointers.get(event.pointerId);
    if (!from) {
      const started = performance.now();
      if (this.hover(this.scatter.nearest(...to), ...to)) performance.measure("hover", { start: started });
      return;
    }
    this.pointers.set(event.pointerId, to);
    this.moved += Math.abs(to[0] - from[0]) + Math.abs(to[1] - from[1]);
    if (this.scatter.pencil) {
      this.scatter.pencil.push(this.scatter.toData(...to));
      this.scatter.drawOver();
    } else if (this.pointers.size === 2) {
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)[1];
      const spread = ([x, y]) => Math.hypot(x - other[0], y - other[1]) || 1;
      this.scatter.zoom(spread(to) / spread(from), other);
    } else if (this.pointers.size === 1) {
      this.scatter.pan(to[0] - from[0], to[1] - from[1]);
    }
  }

  up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    const { scatter } = this;
    if (this.moved < STILL) scatter.pencil = null; // A click chooses, while regions are drawn, too.
    if (scatter.pencil) {
      scatter.region = scatter.pencil.length > 2 ? scatter.pencil : null;
      scatter.pencil = null;
      scatter.drawOver();
      this.listener.region(scatter.region && scatter.inside(scatter.region));
    } else if (this.moved < STILL && event.type === "pointerup") {
      const found = scatter.nearest(...this.at(event));
      if (found) this.listener.choose(found.i);
    }
  }

  wheel(event) {
    event.preventDefault();
    this.hover(null, 0, 0);
    this.scatter.zoom(Math.exp(-event.deltaY / 400), this.at(event));
  }

  // Whether another point is meant than before.
  hover(found, x, y) {
    const { hovered } = this.scatter;
    if (found?.i === hovered?.i && found?.modality === hovered?.modality) return false;
    this.scatter.hovered = found;
    this.scatter.drawOver();
    this.listener.hover(found, x, y);
    return true;
  }
}
