"use strict";
// The charts of the page, drawn by Apache ECharts from typed data.
const charts = (() => {
  const FONT = getComputedStyle(document.body).fontFamily;
  const BANDS = [[1, 1, "1 network"], [2, 9, "2 to 9"], [10, 99, "10 to 99"], [100, Infinity, "100 or more"]];

  function colours() {
    const style = getComputedStyle(document.documentElement);
    return new Proxy({}, { get: (_, name) => style.getPropertyValue(`--${name}`).trim() });
  }

  // Each of six colours three times: curves differ by their dashes, marks by their shape, bars by
  // their filling.
  function look(colour, index) {
    const palette = [colour.accent, colour.found, colour.published, colour.good, colour["level-5"], colour.soft];
    const round = Math.floor(index / palette.length) % 3;
    return { colour: palette[index % palette.length], dash: ["solid", [7, 4], [2, 3]][round],
      symbol: ["circle", "triangle", "rect"][round], filling: [1, 0.2, 0.55][round] };
  }

  // The rows of a legend that wraps, by the usual width of a letter.
  function legendRows(names, width, item) {
    let [rows, used] = [1, 0];
    for (const name of names) {
      const needs = item + 17 + 7.2 * name.length;
      if (used && used + needs > width) [rows, used] = [rows + 1, 0];
      used += needs;
    }
    return rows;
  }

  const number = (value) => value.toLocaleString("en", { maximumSignificantDigits: 6 });

  function lines(title, rows) {
    return element("div", { class: "tip" }, element("strong", {}, title),
      ...rows.map(([name, value]) => element("div", {}, `${name}: ${value}`)));
  }

  // What a point stands for: the stages of its network in short.
  function tip(group, index, title) {
    const network = networks.at(group, index);
    const row = (field) => network.stages.map((stage) => stage[field] ?? 1).join("/");
    const rows = [...network.facts, ["widths", row("out_channels")], ["units", row("depth")]];
    if (network.count > 1) rows.push(["best of", `${network.count.toLocaleString("en")} networks in its cell`]);
    return lines(title ?? network.name, rows);
  }

  function base(colour, narrow) {
    return {
      animation: false,
      textStyle: { fontFamily: FONT, color: colour.ink },
      grid: { left: 8, right: narrow ? 14 : 24, top: 56, bottom: 28, containLabel: true },
      tooltip: {
        trigger: "item", confine: true, backgroundColor: colour.card, borderColor: colour.line,
        textStyle: { color: colour.ink, fontSize: 13 }, extraCssText: "max-width:21rem;white-space:normal",
      },
      legend: { type: narrow ? "scroll" : "plain", top: 0, left: 0, pageIconColor: colour.accent,
        pageIconInactiveColor: colour.line, pageTextStyle: { color: colour.soft }, itemWidth: 16, itemHeight: 9, itemGap: 12, textStyle: { color: colour.ink } },
    };
  }

  function axis(colour, name, more = {}) {
    return {
      type: "value", name, nameLocation: "middle", nameGap: 26, scale: true,
      nameTextStyle: { color: colour.soft }, axisLabel: { color: colour.soft, hideOverlap: true },
      axisLine: { lineStyle: { color: colour.line } }, axisTick: { show: false },
      splitLine: { lineStyle: { color: colour.line, opacity: 0.6 } }, ...more,
    };
  }

  // The name of the vertical axis stands above it: it needs no room beside the chart.
  function upright(colour, name, more = {}) {
    return axis(colour, name, {
      nameLocation: "end", nameGap: 8, ...more,
      nameTextStyle: { color: colour.soft, align: "left", padding: [0, 0, 0, -24] },
    });
  }

  function front(data, colour, narrow) {
    const group = networks.group(data.group);
    const x = (index) => group.columns[0].values[index];
    const point = (index) => [x(index), group.scores[index], index];
    const cloud = Array.from({ length: data.cloud }, (_, index) => index);
    const series = BANDS.map(([low, high, name], band) => ({
      name, type: "scatter", symbol: "rect", symbolSize: narrow ? 4 : 5, z: 2, cursor: "pointer",
      itemStyle: { color: colour[`cloud-${band}`] },
      data: cloud.filter((index) => group.counts[index] >= low && group.counts[index] <= high).map(point),
    }));
    series.push({
      name: "best at their cost", type: "scatter", symbolSize: data.best.length > 80 ? 5 : 7, z: 4, cursor: "pointer",
      itemStyle: { color: colour.accent }, data: data.best.map(point),
    });
    series.push({
      name: "certified front", type: "line", z: 3, symbol: "none", lineStyle: { color: colour.ink, width: 1.5 },
      itemStyle: { color: colour.ink }, data: data.certified.map((one) => [one.x, one.y, -1]),
      markLine: {
        symbol: "none", silent: true, precision: 9, lineStyle: { color: colour.limit, type: "dashed", width: 1.5 },
        label: { color: colour.limit, position: "insideStartTop", formatter: (one) => one.name },
        data: data.limits.map(([name, value]) => ({ name, xAxis: value })),
      },
    });
    series.push({
      name: "result", type: "scatter", symbol: "diamond", symbolSize: 17, z: 6, cursor: "pointer",
      itemStyle: { color: colour.found, borderColor: colour.card, borderWidth: 1.5 },
      data: data.found.map(([, index]) => point(index)),
    });
    if (data.published) {
      const [cost, score, name] = data.published;
      series.push({
        name: `published ${name}`, type: "scatter", symbol: "triangle", symbolSize: 14, z: 5,
        itemStyle: { color: colour.published, borderColor: colour.card, borderWidth: 1.5 }, data: [[cost, score, -1]],
      });
    }
    series.push({
      id: "selected", type: "scatter", symbol: "circle", symbolSize: 22, z: 7, silent: true,
      itemStyle: { color: "transparent", borderColor: colour.ink, borderWidth: 2 }, data: [],
    });
    const option = base(colour, narrow);
    option.tooltip.formatter = (one) => (one.value[2] >= 0 ? tip(data.group, one.value[2])
      : lines(one.seriesName, [[data.x_label, number(one.value[0])], [data.y_label, number(one.value[1])]]));
    option.legend.data = series.filter((one) => one.name && one.data.length).map((one) => one.name);
    if (!narrow) {
      option.toolbox = { right: 0, top: 22, itemSize: 14, iconStyle: { borderColor: colour.soft },
        feature: { dataZoom: { brushStyle: { color: colour.accent, opacity: 0.2 } }, restore: {} } };
    }
    // Verification may choose a network that is predicted beyond the budget.
    const marks = data.found.map(([, index]) => x(index));
    if (data.published) marks.push(data.published[0]);
    const right = Math.max(...data.limits.map(([, value]) => value), ...marks);
    const left = Math.min(...data.best.map(x), ...data.certified.map((one) => one.x), ...marks, right);
    const range = { min: left - 0.03 * (right - left), max: right + 0.04 * (right - left) };
    return {
      ...option, yAxis: upright(colour, data.y_label),
      xAxis: axis(colour, data.x_label, { ...range, axisLabel: { color: colour.soft, hideOverlap: true, showMinLabel: false, showMaxLabel: false } }),
      series: series.filter((one) => one.data.length || one.id),
    };
  }

  // Two costs, the score as colour: the fifths of the scores shown.
  function plane(data, colour, narrow) {
    const group = networks.group(data.group);
    const [across, up] = [group.columns[data.x].values, group.columns[data.y].values];
    const point = (index) => [across[index], up[index], index];
    const cloud = Array.from({ length: data.cloud }, (_, index) => index);
    cloud.sort((one, other) => group.scores[one] - group.scores[other]);
    const bands = ["lowest quarter of scores", "second", "third", "highest quarter"];
    const size = Math.ceil(cloud.length / bands.length);
    const series = bands.map((name, band) => ({
      name, type: "scatter", symbol: "rect", symbolSize: narrow ? 4 : 5, z: 2 + band, cursor: "pointer",
      itemStyle: { color: colour[`cloud-${band}`] }, data: cloud.slice(band * size, (band + 1) * size).map(point),
    }));
    const shown = [...cloud, ...data.found.map(([, index]) => index)];
    const xs = [...shown.map((index) => across[index]), ...data.corners.map(([x]) => x ?? 0)];
    const ys = [...shown.map((index) => up[index]), ...data.corners.map(([, y]) => y ?? 0)];
    const [farX, farY] = [1.04 * Math.max(...xs), 1.04 * Math.max(...ys)];
    data.corners.forEach(([x, y]) => series.push({
      name: "limits", type: "line", symbol: "none", silent: true, z: 7, itemStyle: { color: colour.limit },
      lineStyle: { color: colour.limit, type: "dashed", width: 1.5 }, data: [[0, y ?? farY], [x ?? farX, y ?? farY], [x ?? farX, 0]],
    }));
    series.push({
      name: "result", type: "scatter", symbol: "diamond", symbolSize: 17, z: 8, cursor: "pointer",
      itemStyle: { color: colour.found, borderColor: colour.card, borderWidth: 1.5 }, data: data.found.map(([, index]) => point(index)),
    });
    const option = base(colour, narrow);
    option.tooltip.formatter = (one) => tip(data.group, one.value[2]);
    const least = (values, far) => ({ min: Math.min(...values.filter((value) => value > 0), far) * 0.95, max: far });
    const quiet = { axisLabel: { color: colour.soft, hideOverlap: true, showMinLabel: false, showMaxLabel: false } };
    return {
      ...option, series: series.filter((one) => one.data.length),
      xAxis: axis(colour, data.x_label, { ...least(xs, farX), ...quiet }),
      yAxis: upright(colour, data.y_label, { ...least(ys, farY), ...quiet }),
    };
  }

  function history(data, colour, narrow) {
    const palette = [colour.accent, colour.soft, colour.published];
    const begin = Math.min(...data.curves.flatMap((curve) => curve.points.map((one) => one.x)));
    const first = 10 ** Math.floor(Math.log10(Math.max(begin, 1)));
    const series = data.curves.map((curve, index) => ({
      name: curve.name, type: "line", step: "end", symbol: "circle", symbolSize: index ? 4 : 6,
      cursor: "pointer", lineStyle: { color: palette[index], width: index ? 1.5 : 2.5 },
      itemStyle: { color: palette[index] }, data: curve.points.map((one) => [one.x, one.y, one.network]),
    }));
    if (series.length) {
      // The exact solver's single point is no width for a line.
      const last = Math.max(10 * first, ...data.curves.flatMap((curve) => curve.points.map((one) => one.x)));
      data.bounds.forEach(([name, value], index) => series.push({
        name, type: "line", symbol: "none", silent: true,
        lineStyle: { color: index ? colour.found : colour.ink, type: "dotted", width: 1.5 },
        itemStyle: { color: index ? colour.found : colour.ink }, data: [[first, value, -1], [last, value, -1]],
      }));
    }
    const option = base(colour, narrow);
    option.tooltip.formatter = (one) => (one.value[2] >= 0
      ? tip(data.group, one.value[2], `${one.seriesName}, candidate ${number(one.value[0])}`)
      : lines(one.seriesName, [["candidates", number(one.value[0])], [data.y_label, number(one.value[1])]]));
    return {
      ...option, series,
      xAxis: axis(colour, "candidates", { type: "log", min: first, minorSplitLine: { show: false } }),
      yAxis: upright(colour, data.y_label),
    };
  }

  function bars(data, colour, narrow, width) {
    const option = base(colour, narrow);
    if (!narrow) option.grid.top += 23 * (legendRows(data.series.map(([name]) => name), width, option.legend.itemWidth) - 1);
    option.tooltip.trigger = "axis";
    option.tooltip.formatter = (all) => lines(all[0].axisValueLabel,
      all.filter((one) => one.value != null).map((one) => [one.seriesName, `${number(one.value)} ${data.unit}`]));
    return {
      ...option,
      xAxis: { type: "category", data: data.categories, axisTick: { show: false }, axisLine: { lineStyle: { color: colour.line } },
        axisLabel: { color: colour.soft, interval: 0, rotate: narrow || data.categories.length > 9 ? 40 : 0 } },
      yAxis: upright(colour, data.unit, { scale: false }),
      series: data.series.map(([name, values], index) => {
        const own = look(colour, index);
        const filled = echarts.color.modifyAlpha(own.colour, own.filling);
        return { name, type: "bar", barMaxWidth: 28, data: values,
          itemStyle: { color: filled, borderColor: own.colour, borderWidth: own.filling < 1 ? 1 : 0, borderRadius: [3, 3, 0, 0] } };
      }),
    };
  }

  function agreement(data, colour, narrow) {
    const all = data.points.flatMap(([, predicted, measured]) => [predicted, measured]);
    const low = Math.min(...all) * 0.95, high = Math.max(...all, data.limit ?? 0) * 1.05;
    const option = base(colour, narrow);
    option.tooltip.formatter = (one) => lines(one.name, [["measured", `${number(one.value[0])} ${data.unit}`],
      ["predicted", `${number(one.value[1])} ${data.unit}`]]);
    const series = [
      { name: "networks", type: "scatter", symbolSize: 11, z: 3, itemStyle: { color: colour.accent },
        data: data.points.map(([name, predicted, measured]) => ({ name, value: [measured, predicted] })) },
      { name: "equal", type: "line", symbol: "none", silent: true, lineStyle: { color: colour.ink, width: 1, type: "dotted" },
        itemStyle: { color: colour.ink }, data: [[low, low], [high, high]] },
    ];
    if (data.limit != null) {
      series[0].markLine = { symbol: "none", silent: true, precision: 9, lineStyle: { color: colour.limit, type: "dashed" },
        label: { color: colour.limit, formatter: "budget", position: "insideEndTop" }, data: [{ xAxis: data.limit }] };
    }
    const range = { min: Number(low.toPrecision(3)), max: Number(high.toPrecision(3)) };
    return { ...option, series, xAxis: axis(colour, `measured [${data.unit}]`, range), yAxis: upright(colour, `predicted [${data.unit}]`, range) };
  }

  function curves(data, colour, narrow, width) {
    const option = base(colour, narrow);
    const row = (one) => [one.seriesName, number(one.value[1])];
    option.tooltip.trigger = data.marks ? "item" : "axis";
    option.tooltip.formatter = data.marks
      ? (one) => lines(one.seriesName, [[data.x_label, number(one.value[0])], [data.y_label, number(one.value[1])]])
      : (all) => lines(`${data.x_label} ${number(all[0].value[0])}`, [...all].sort((one, other) => other.value[1] - one.value[1]).map(row));
    option.legend.itemWidth = data.marks ? 16 : 26;
    if (!narrow) option.grid.top += 23 * (legendRows(data.curves.map((one) => one.name), width, option.legend.itemWidth) - 1);
    const many = data.curves.length > 4;
    let next = 0;
    return {
      ...option,
      xAxis: axis(colour, data.x_label), yAxis: upright(colour, data.y_label),
      series: data.curves.map((curve) => {
        const own = curve.is_mean ? { colour: colour.ink, dash: "solid", symbol: "circle" } : look(colour, next++);
        return {
          name: curve.name, type: data.marks ? "scatter" : "line", symbol: own.symbol, symbolSize: data.marks ? 11 : 5,
          showSymbol: data.marks || curve.points.length === 1 || (!many && curve.points.length < 60), z: curve.is_mean ? 4 : 2,
          lineStyle: { color: own.colour, type: own.dash, width: curve.is_mean ? 3.5 : many ? 1.5 : 2 },
          itemStyle: { color: own.colour }, emphasis: { focus: "series" }, data: curve.points.map((one) => [one.x, one.y]),
        };
      }),
    };
  }

  const OPTIONS = { front, plane, history, bars, agreement, lines: curves };
  const drawn = new Map();

  function place(name) {
    return document.getElementById(name);
  }

  function selectedPoint(name) {
    const data = DATA.charts[name];
    const { group, index } = panel.place?.dataset ?? {};
    if (data.kind !== "front" || data.group !== group) return [];
    const known = networks.group(group);
    return [[known.columns[0].values[index], known.scores[index], Number(index)]];
  }

  function mark(name) {
    if (DATA.charts[name].kind === "front") {
      drawn.get(name).setOption({ series: [{ id: "selected", data: selectedPoint(name) }] });
    }
  }

  function draw(name) {
    const data = DATA.charts[name];
    if (data.kind === "drawing") {
      drawing.draw(place(name), data.networks);
      return;
    }
    const width = place(name).clientWidth;
    drawn.get(name).setOption(OPTIONS[data.kind](data, colours(), width < 560, width), true);
    mark(name);
  }

  function start() {
    for (const [name, data] of Object.entries(DATA.charts)) {
      if (!place(name)) continue;
      if (data.kind !== "drawing") {
        const chart = echarts.init(place(name), null, { renderer: "canvas" });
        chart.on("click", (one) => {
          if (data.group && Array.isArray(one.value) && one.value[2] >= 0) panel.select(data.group, one.value[2]);
        });
        drawn.set(name, chart);
      }
      draw(name);
    }
    panel.onSelect(() => drawn.forEach((_, name) => mark(name)));
  }

  function redraw() {
    for (const name of Object.keys(DATA.charts)) {
      if (!place(name)) continue;
      drawn.get(name)?.resize();
      draw(name);
    }
  }

  // The next network of a front, from the one that is selected.
  function step(name, way) {
    const data = DATA.charts[name];
    const { group, index } = panel.place.dataset;
    const order = data.best;
    const here = group === data.group ? order.indexOf(Number(index)) : -1;
    const known = networks.group(data.group).columns[0].values;
    let next = order.length - 1;
    if (way !== "first" && here >= 0) next = Math.min(Math.max(here + (way === "on" ? 1 : -1), 0), order.length - 1);
    else if (way === "back" && group === data.group) {
      next = order.findLastIndex((one) => known[one] < known[Number(index)]);
    }
    if (way === "first" && data.found.length) panel.select(data.group, data.found.at(-1)[1]);
    else if (order.length) panel.select(data.group, order[Math.max(next, 0)]);
  }

  return { start, redraw, step };
})();
