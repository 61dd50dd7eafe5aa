"use strict";
// What the reader can do: select networks, copy texts, print, change the size or the colours.
(() => {
  const said = document.getElementById("said");

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = element("textarea", { "aria-hidden": "true", class: "offscreen" }, text);
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if ("copy" in button.dataset) {
      await copy(button.parentElement.querySelector("code").textContent);
      said.textContent = "Copied";
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    } else if (button.dataset.step) {
      charts.step(button.dataset.chart, button.dataset.step);
    } else if (button.dataset.group) {
      panel.select(button.dataset.group, Number(button.dataset.index));
      document.getElementById("network").scrollIntoView();
    }
  });

  function redraw() {
    charts.redraw();
    panel.draw();
  }

  let waiting = 0;
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(redraw, 120);
  });
  window.addEventListener("beforeprint", redraw);
  window.addEventListener("afterprint", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

  panel.start();
  charts.start();
  document.documentElement.dataset.ready = "";
})();
