"use strict";
// What the other parts share. What an LLM wrote enters the page through textContent alone.
const nn = (() => {
  const find = (id) => document.getElementById(id);
  const keepers = []; // [name, read, write]: state that outlives a reload of the page

  function make(name, content = "", attributes = {}) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    for (const part of [content].flat()) {
      if (part !== null) element.append(part instanceof Node ? part : visible(String(part)));
    }
    return element;
  }

  function shape(name, attributes, content = []) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    for (const part of [content].flat()) element.append(part instanceof Node ? part : visible(String(part)));
    return element;
  }

  function button(label, action, attributes = {}) {
    const element = make("button", label, { type: "button", ...attributes });
    element.onclick = action;
    return element;
  }

  function fold(name, content, open) {
    return make("details", [make("summary", name), content].flat(), open ? { open: "" } : {});
  }

  // Control and direction characters as escapes, as in the rest of the page.
  function visible(text) {
    const hidden = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
    return text.replace(hidden, (character) => "\\u" + character.charCodeAt(0).toString(16).padStart(4, "0"));
  }

  const blocks = {};

  // The content of a compressed block of the page, unpacked once.
  function unpack(id) {
    return (blocks[id] ??= (async () => {
      const packed = Uint8Array.from(atob(find(id).textContent), (character) => character.charCodeAt(0));
      const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
      return new Response(stream).json();
    })());
  }

  const shown = (value) => typeof value === "number" ? value.toLocaleString("en") : value;

  return { find, keepers, make, shape, button, fold, visible, unpack, shown };
})();
