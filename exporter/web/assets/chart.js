// SPDX-License-Identifier: Apache-2.0
// A chart of the live view: lines over time, with a legend that says the newest values.
/* global Dygraph */
import { clock, rateText, short } from "./numbers.js";

export const KEPT_PAGES = 300; // ten minutes of them
const MIN_WINDOW_MS = 30000;

// Its legend writes style attributes, which the page's policy forbids; ours stands in the caption.
Dygraph.PLUGINS.splice(Dygraph.PLUGINS.indexOf(Dygraph.Plugins.Legend), 1);

function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export class Chart {
  // lines: [{label, color, value(page, before, seconds)}]; a value of null leaves a gap.
  constructor(id, lines, options = {}) {
    this.figure = document.getElementById(id);
    this.lines = lines;
    this.rows = [];
    this.shown = lines.map(() => null);
    this.values = lines.map((line, i) => this.addLegend(line, i));
    this.graph = new Dygraph(this.figure.querySelector(".plot"), [[new Date(), ...lines.map(() => null)]], {
      labels: ["time", ...lines.map((line) => line.label)],
      legend: "never",
      strokeWidth: 1.8,
      fillGraph: true,
      fillAlpha: 0.12,
      includeZero: true,
      interactionModel: {}, // a drag would stop what is live; the keyboard misses nothing
      axisLabelFontSize: 11,
      axes: {
        x: { axisLabelFormatter: (date) => clock.format(date), axisLabelWidth: 60, pixelsPerLabel: 80 },
        y: { axisLabelWidth: 44, axisLabelFormatter: (value) => short.format(value) },
      },
      highlightCircleSize: 4,
      highlightCallback: (_event, _x, points) => this.showPoints(points),
      unhighlightCallback: () => this.showPoints(null),
      ...this.colors(),
      ...options,
    });
    this.stacked = options.stackedGraph ?? false;
  }

  addLegend({ label, color: name }, index) {
    const item = document.createElement("li");
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.backgroundColor = `var(${name})`;
    const value = document.createElement("b");
    item.append(swatch, `${label} `, value);
    item.dataset.index = index;
    this.figure.querySelector(".legend").append(item);
    return value;
  }

  colors() {
    return {
      colors: this.lines.map((line) => color(line.color)),
      gridLineColor: color("--line"),
      axisLineColor: color("--line"),
    };
  }

  add(time, values) {
    this.rows.push([time, ...values]);
    if (this.rows.length > KEPT_PAGES) this.rows.shift();
    this.shown = values;
  }

  gap(time) {
    this.add(time, this.lines.map(() => null));
  }

  draw(windowMs) {
    if (this.rows.length === 0) return;
    const newest = this.rows.at(-1)[0].getTime();
    // In the beginning the lines fill the width as far as there are any.
    const begin = Math.max(newest - windowMs, Math.min(this.rows[0][0].getTime(), newest - MIN_WINDOW_MS));
    this.graph.updateOptions({
      file: this.rows,
      dateWindow: [begin, newest],
      valueRange: [0, this.peak(begin) * 1.1],
    });
    if (!this.pointed) this.showValues(this.shown);
  }

  peak(begin) {
    const seen = this.rows.filter((row) => row[0] >= begin).map((row) => row.slice(1));
    const tops = seen.map((values) => (this.stacked ? values.reduce((a, b) => a + b, 0) : Math.max(...values)));
    return Math.max(1, ...tops);
  }

  showPoints(points) {
    this.pointed = points !== null;
    if (points === null) return this.showValues(this.shown);
    const values = this.lines.map(({ label }) => points.find((point) => point.name === label)?.yval ?? null);
    return this.showValues(values);
  }

  showValues(values) {
    values.forEach((value, i) => {
      this.values[i].textContent = rateText(value);
    });
  }
}
