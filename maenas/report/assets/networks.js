"use strict";
// The networks of the page: columns of numbers, genomes, the text of a spec, a drawing.
const DATA = JSON.parse(document.getElementById("data").textContent);

const networks = (() => {
  const decoded = new Map();

  function bytes(text) {
    return Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  }

  function floats(text) {
    return new Float32Array(bytes(text).buffer);
  }

  // A group with its numbers as typed arrays; each group is decoded once.
  function group(name) {
    if (!decoded.has(name)) {
      const raw = DATA.groups[name];
      const genes = bytes(raw.genes);
      decoded.set(name, {
        ...raw,
        genes: raw.wide ? new Uint16Array(genes.buffer) : genes,
        scores: floats(raw.scores),
        counts: new Uint32Array(bytes(raw.counts).buffer),
        columns: raw.columns.map((column) => ({ ...column, values: floats(column.values) })),
      });
    }
    return decoded.get(name);
  }

  // A stage with a choice of blocks has the fields of the block that its first gene chooses.
  function stagesOf(coding, genes) {
    const chosen = coding.stages.map(() => ({}));
    coding.genes.forEach(([stage, field, values], place) => {
      chosen[stage][field] = values[genes[place]];
    });
    return coding.stages.map((stage, index) => {
      if (!stage.any_of) return { ...stage, ...chosen[index] };
      const block = stage.any_of.find((one) => one.fixed.block === chosen[index].block);
      const own = block.genes.map((field) => [field, chosen[index][field]]);
      return { ...block.fixed, ...Object.fromEntries(own) };
    });
  }

  function shown(column, index) {
    const value = column.values[index].toLocaleString("en", {
      minimumFractionDigits: column.digits,
      maximumFractionDigits: column.digits,
    });
    return column.unit ? `${value} ${column.unit}` : value;
  }

  // A network of a group: its stages and what is known of it.
  function at(name, index) {
    const one = group(name);
    const width = one.coding.genes.length;
    const genes = one.genes.subarray(index * width, (index + 1) * width);
    return {
      name: one.names[index] ?? "candidate",
      format: one.coding.format,
      in_shape: one.coding.in_shape,
      features: one.coding.features,
      sizes: one.coding.sizes,
      stages: stagesOf(one.coding, genes),
      against: one.against,
      count: one.counts[index],
      facts: [
        [one.score, one.scores[index].toFixed(3)],
        ...one.columns.map((column) => [column.label, shown(column, index)]),
      ],
    };
  }

  function scalar(value) {
    if (Array.isArray(value)) return `[${value.map(scalar).join(", ")}]`;
    if (typeof value !== "string") return String(value);
    const plain = /^[a-z_][a-z0-9_]*$/i.test(value) && !/^(y|n|yes|no|on|off|true|false|null)$/i.test(value);
    return plain ? value : JSON.stringify(value);
  }

  // The text of a spec, which every command reads.
  function spec(network) {
    const stages = network.stages.map((stage) => {
      const fields = Object.entries(stage).map(([key, value]) => `${key}: ${scalar(value)}`);
      return `  - {${fields.join(", ")}}`;
    });
    return [
      `format: ${network.format}`,
      `in_shape: ${scalar(network.in_shape)}`,
      "stages:",
      ...stages,
      `features: ${scalar(network.features)}`,
      "",
    ].join("\n");
  }

  return { at, group, spec };
})();

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const drawing = (() => {
  const NAME = 24, BODY = 92, LABEL = 40, HEAD = 34, GAP = 10, UNIT = 30, NARROWEST = 44;

  function svg(tag, attributes, text) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  const depth = (stage) => stage.depth ?? 1;

  // Left edge and width of the column of each stage; deeper stages get wider columns.
  function columns(list, width) {
    const count = Math.max(...list.map((one) => one.stages.length));
    const depths = Array.from({ length: count }, (_, index) =>
      Math.max(...list.map((one) => (one.stages[index] ? depth(one.stages[index]) : 1))));
    const least = Math.min(NARROWEST, width / count);
    const spare = Math.max(0, width - least * count);
    const total = depths.reduce((sum, value) => sum + value, 0);
    let left = 0;
    return depths.map((value) => {
      const column = { left, width: least + (spare * value) / total };
      left += column.width;
      return column;
    });
  }

  // A line of text that says what the drawing shows.
  function words(list) {
    return list.map((one) => `${one.name}: ${one.stages.map((stage, index) =>
      `stage ${index} ${stage.block} ${stage.out_channels} channels, ${depth(stage)} units`).join("; ")}`).join(". ");
  }

  // Each network as one row of blocks: a block is a unit, its height the number of channels.
  function draw(place, list) {
    const width = Math.max(place.clientWidth, 260);
    const places = columns(list, width);
    const most = Math.max(...list.flatMap((one) => one.stages.map((stage) => stage.out_channels)));
    const row = NAME + BODY + LABEL;
    const height = HEAD + row * list.length;
    const size = (one, index) => one.sizes[index]?.join("×");
    const same = places.map((_, index) => new Set(list.map((one) => size(one, index)).filter(Boolean)).size === 1);
    const image = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
    places.forEach((column, index) => {
      const middle = column.left + column.width / 2;
      const known = list.find((one) => one.stages[index]);
      const above = same[index] ? size(known, index) : "";
      image.append(svg("text", { x: middle, y: 12, class: "head" }, column.width < 56 ? `${index}` : `stage ${index}`));
      image.append(svg("text", { x: middle, y: 26, class: "size" }, above));
      if (index) image.append(svg("line", { x1: column.left, x2: column.left, y1: 0, y2: height, class: "rule" }));
    });
    list.forEach((one, rank) => {
      const top = HEAD + rank * row;
      image.append(svg("text", { x: 0, y: top + 15, class: "name" }, one.name));
      one.stages.forEach((stage, index) => {
        const column = places[index];
        const count = depth(stage);
        const unit = Math.min(UNIT, (column.width - GAP) / count);
        const tall = 8 + (BODY - 8) * Math.sqrt(stage.out_channels / most);
        const left = column.left + (column.width - unit * count) / 2;
        for (let place_ = 0; place_ < count; place_ += 1) {
          image.append(svg("rect", {
            x: left + place_ * unit + 0.75, y: top + NAME + (BODY - tall) / 2,
            width: Math.max(unit - 1.5, 1), height: tall, rx: 2, class: `unit level-${index % 7}`,
          }));
        }
        const middle = column.left + column.width / 2;
        image.append(svg("text", { x: middle, y: top + NAME + BODY + 16, class: "width" }, `${stage.out_channels}×${count}`));
        const taken = one.features.includes(index) && (same[index] || column.width > 90) ? "to neck" : "";
        const below = [same[index] ? "" : size(one, index), taken].filter(Boolean);
        image.append(svg("text", { x: middle, y: top + NAME + BODY + 30, class: "size" }, below.join(", ")));
      });
    });
    place.replaceChildren(image);
    place.setAttribute("aria-label", words(list));
  }

  return { draw };
})();
