"use strict";
// Where everything on the page comes from: files beside it, or what is inside the page itself.

const inside = document.getElementById("inside");
const files = inside ? JSON.parse(inside.textContent) : null;

class Refusal extends Error {}

// JSON by its address; what a server refuses it says in a sentence.
async function read(address) {
  if (files) {
    if (!(address in files)) throw new Refusal("This is not part of the page.");
    return files[address];
  }
  let answer;
  try {
    answer = await fetch(address);
  } catch {
    throw new Refusal("Nothing answers any more; start `gap explore` again.");
  }
  if (answer.ok) return answer.json();
  const told = await answer.json().catch(() => ({}));
  throw new Refusal(told.error || `${address}: ${answer.status} ${answer.statusText}`);
}

// The address of a picture; inside a page it is the picture itself.
const picture = (address) => (files ? files[address] : address);

// An element with its class, its text and what is inside; nothing is ever parsed as HTML.
function make(kind, options = {}, ...children) {
  const { text, ...properties } = options;
  const element = Object.assign(document.createElement(kind), properties);
  if (text !== undefined) element.textContent = text;
  element.append(...children.filter((child) => child !== null));
  return element;
}

const number = (value, digits = 3) => (value === null || value === undefined ? "" : value.toFixed(digits));

// A time as minutes and seconds, to a tenth where it is short.
function time(seconds) {
  const whole = Math.floor(seconds / 60);
  const rest = (seconds - 60 * whole).toFixed(1).padStart(4, "0");
  return `${whole}:${rest}`;
}
