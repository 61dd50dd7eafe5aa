"use strict";
// The selected network: its stages drawn and listed, its spec to copy.
const panel = (() => {
  const place = document.getElementById("selected");
  const listeners = [];
  let current = null;

  function stageTable(network) {
    const head = element("tr", {}, ...["stage", "block", "output", "channels", "units", "other fields"].map(
      (name, index) => element("th", { scope: "col", ...(index === 3 || index === 4 ? { class: "number" } : {}) }, name)));
    const rows = network.stages.map((stage, index) => {
      const { block, out_channels: channels, depth, ...rest } = stage;
      const other = Object.entries(rest).map(([key, value]) => `${key} ${value}`).join(", ");
      const mark = network.features.includes(index) ? `${index} (feature)` : `${index}`;
      const cells = [mark, block, network.sizes[index].join("x"), `${channels}`, `${depth ?? 1}`, other];
      return element("tr", {}, ...cells.map((cell, column) =>
        element("td", column === 3 || column === 4 ? { class: "number" } : {}, cell)));
    });
    const table = element("table", {}, element("caption", {}, "Stages"),
      element("thead", {}, head), element("tbody", {}, ...rows));
    return element("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "Stages" }, table);
  }

  function facts(network) {
    return element("dl", { class: "facts" }, ...network.facts.map(([name, value]) =>
      element("div", {}, element("dt", {}, name), element("dd", {}, value))));
  }

  function copyable(text) {
    const name = "Spec of the network";
    return element("div", { class: "copyable" },
      element("pre", { tabindex: "0", "aria-label": name }, element("code", {}, text)),
      element("button", { type: "button", "data-copy": "", "aria-label": `Copy: ${name}` }, "Copy"));
  }

  function draw() {
    const target = place?.querySelector(".drawing");
    if (target && current) drawing.draw(target, current.against ? [current, current.against] : [current]);
  }

  // Show a network; `aloud` announces it to readers who do not see the page.
  function select(group, index, aloud = true) {
    if (!place) return;
    current = networks.at(group, index);
    const figure = element("figure", {}, element("div", { class: "drawing", role: "img" }));
    place.replaceChildren(element("h3", {}, current.name), facts(current), figure,
      stageTable(current), copyable(networks.spec(current)));
    place.dataset.group = group;
    place.dataset.index = index;
    draw();
    if (aloud) document.getElementById("said").textContent = `Selected: ${current.name}, ${current.facts.slice(0, 2).map((fact) => fact.join(" ")).join(", ")}`;
    listeners.forEach((listener) => listener(group, index));
  }

  function start() {
    if (place) select(place.dataset.group, Number(place.dataset.index), false);
  }

  return { draw, select, start, place, onSelect: (listener) => listeners.push(listener) };
})();
