// SPDX-License-Identifier: Apache-2.0
// Reads the text format 0.0.4 and works out rates between two pages. Knows nothing of the browser.

const ESCAPES = { n: "\n", "\\": "\\", '"': '"' };

// {a="x",b="y"} from `start`, which is behind the brace. Returns the labels and where they end.
function parseLabels(line, start) {
  const labels = {};
  let at = start;
  while (line[at] !== "}") {
    const equals = line.indexOf("=", at);
    if (equals < 0) throw new Error(`unfinished labels: ${line}`);
    const name = line.slice(at, equals);
    const begin = equals + 2;
    for (at = begin; line[at] !== '"'; at++) {
      if (at >= line.length) throw new Error(`unfinished label value: ${line}`);
      if (line[at] === "\\") at++;
    }
    labels[name] = line.slice(begin, at).replace(/\\(.?)/g, (_all, escaped) => ESCAPES[escaped] ?? "");
    at++;
    if (line[at] === ",") at++;
  }
  return { labels, end: at + 1 };
}

export function parseNumber(text) {
  if (text === "+Inf") return Infinity;
  if (text === "-Inf") return -Infinity;
  return Number(text);
}

// A page: from a metric's name to its samples, each with labels, a key that tells it apart from the
// others, and a value. Of the metrics whose name `wanted` accepts.
export function parsePage(text, wanted = () => true) {
  const page = new Map();
  for (const line of text.split("\n")) {
    if (line === "" || line[0] === "#") continue;
    const nameEnd = line.search(/[{ ]/);
    if (nameEnd < 0) throw new Error(`no sample: ${line}`);
    const name = line.slice(0, nameEnd);
    if (!wanted(name)) continue;
    let labels = {};
    let valueAt = nameEnd;
    if (line[nameEnd] === "{") ({ labels, end: valueAt } = parseLabels(line, nameEnd + 1));
    const sample = {
      labels,
      key: line.slice(nameEnd, valueAt),
      value: parseNumber(line.slice(valueAt + 1).split(" ")[0]),
    };
    if (page.has(name)) page.get(name).push(sample);
    else page.set(name, [sample]);
  }
  return page;
}

// The sum of the samples whose labels are as wanted; null if the page has none.
export function sum(page, name, wanted = {}) {
  let total = null;
  for (const { labels, value } of page.get(name) ?? []) {
    if (Object.entries(wanted).every(([key, text]) => labels[key] === text)) total = (total ?? 0) + value;
  }
  return total;
}

// By how much a counter grew. A series that is new began at 0; one that fell was started anew.
function growth(now, before) {
  return before === undefined || now < before ? now : now - before;
}

// From a label's value to the growth of a counter between two pages, summed over the other labels.
export function growthBy(page, before, name, label) {
  const old = new Map((before.get(name) ?? []).map(({ key, value }) => [key, value]));
  const result = new Map();
  for (const { labels, key, value } of page.get(name) ?? []) {
    const group = labels[label] ?? "";
    result.set(group, (result.get(group) ?? 0) + growth(value, old.get(key)));
  }
  return result;
}

// The growth of all series of a counter whose labels are as wanted; null if the page has none.
export function growthOf(page, before, name, wanted = {}) {
  const old = new Map((before.get(name) ?? []).map(({ key, value }) => [key, value]));
  let total = null;
  for (const { labels, key, value } of page.get(name) ?? []) {
    if (!Object.entries(wanted).every(([label, text]) => labels[label] === text)) continue;
    total = (total ?? 0) + growth(value, old.get(key));
  }
  return total;
}

// The observations between two pages by bucket, not cumulative: [{bound, count}], bounds ascending.
export function bucketsBetween(page, before, name) {
  const grown = growthBy(page, before, `${name}_bucket`, "le");
  const bounds = [...grown.keys()].map((text) => ({ bound: parseNumber(text), total: grown.get(text) }));
  bounds.sort((a, b) => a.bound - b.bound);
  let below = 0;
  return bounds.map(({ bound, total }) => {
    const count = Math.max(0, total - below);
    below = Math.max(below, total);
    return { bound, count };
  });
}
