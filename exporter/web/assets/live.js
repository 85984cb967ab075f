// SPDX-License-Identifier: Apache-2.0
// The live view: reads the metrics page every two seconds and draws what happened in between.
import { Chart, KEPT_PAGES } from "./chart.js";
import { bucketsBetween, growthBy, growthOf, parsePage, sum } from "./exposition.js";
import { bytesText, clock, countText, durationText, rateText, short, whole } from "./numbers.js";

const POLL_MS = 2000;
const TIMEOUT_MS = 5000;
const TABLE_PAGES = 6; // rates in tables are over the last ten seconds, so that rows keep still
const TABLE_ROWS = 10;
const REASON_POLLS = 10; // while events do not arrive, why is asked each twenty seconds

// Of a host's thousands of series those that the view shows, and of what is older than the tables'
// window those that the lists add up: a tab that stays open for days must stay small.
const SHOWN = new RegExp(
  "^(cnproc_(up|scrape_collector_success|events_total|events_lost_total|forks_total|execs_total|process_exits_total|processes|threads" +
    "|coredumps_total|exit_signals_total|process_lifetime_seconds_bucket" +
    "|(program|unit|container)_(forks_total|execs_total|exits_total|processes))" +
    "|process_(resident_memory_bytes|start_time_seconds))$",
);
const LISTED = ["cnproc_process_lifetime_seconds_bucket", "cnproc_exit_signals_total", "cnproc_coredumps_total"];

const $ = (id) => document.getElementById(id);
const metricsPath = document.body.dataset.metrics;

const rate = (name, wanted) => (page, before, seconds) => {
  const grown = growthOf(page, before, name, wanted);
  return grown === null ? null : grown / seconds;
};

function makeCharts() {
  return [
    new Chart("forks", [
      { label: "processes", color: "--c1", value: rate("cnproc_forks_total", { kind: "process" }) },
      { label: "threads", color: "--c2", value: rate("cnproc_forks_total", { kind: "thread" }) },
      { label: "execs", color: "--c3", value: rate("cnproc_execs_total") },
    ]),
    new Chart(
      "exits",
      [
        { label: "signal", color: "--c5", value: rate("cnproc_process_exits_total", { outcome: "signal" }) },
        { label: "error", color: "--c4", value: rate("cnproc_process_exits_total", { outcome: "error" }) },
        { label: "success", color: "--c3", value: rate("cnproc_process_exits_total", { outcome: "success" }) },
      ],
      { stackedGraph: true, fillAlpha: 0.3 },
    ),
    new Chart("lost", [{ label: "lost", color: "--c5", value: rate("cnproc_events_lost_total") }]),
  ];
}

// ---- Tables and bars -------------------------------------------------------------------------

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function bar(share) {
  const track = element("span", "bar");
  const fill = element("span");
  fill.style.width = `${(100 * share).toFixed(1)}%`;
  track.append(fill);
  return track;
}

// The values of one label, busiest first: what forked and what was started, and what lives.
function busiest(page, before, seconds, dimension, label) {
  const forks = growthBy(page, before, `cnproc_${dimension}_forks_total`, label);
  const execs = growthBy(page, before, `cnproc_${dimension}_execs_total`, label);
  const exits = growthBy(page, before, `cnproc_${dimension}_exits_total`, label);
  const alive = new Map((page.get(`cnproc_${dimension}_processes`) ?? []).map((s) => [s.labels[label], s.value]));
  const names = new Set([...forks.keys(), ...execs.keys(), ...alive.keys()]);
  const rows = [...names].map((name) => ({
    name,
    alive: alive.get(name) ?? 0,
    forks: (forks.get(name) ?? 0) / seconds,
    execs: (execs.get(name) ?? 0) / seconds,
    exits: (exits.get(name) ?? 0) / seconds,
  }));
  const busy = (row) => row.forks + row.execs + row.exits;
  rows.sort((a, b) => busy(b) - busy(a) || b.alive - a.alive || a.name.localeCompare(b.name));
  return rows.slice(0, TABLE_ROWS);
}

// "containerd://3b7e9a41c0d5…" as "3b7e9a41c0d5", which tells containers apart at a glance.
function shortName(name) {
  const [, id] = name.match(/^[a-z-]+:\/\/([0-9a-f]{12})[0-9a-f]+$/) ?? [];
  return id ?? name;
}

function fillTable(id, rows, note) {
  const body = $(id).querySelector("tbody");
  const peak = Math.max(...rows.map((row) => row.forks + row.execs + row.exits), 1e-9);
  body.replaceChildren(
    ...rows.map((row) => {
      const line = document.createElement("tr");
      const name = element("th", "", shortName(row.name));
      name.scope = "row";
      name.title = row.name;
      name.append(bar((row.forks + row.execs + row.exits) / peak));
      line.append(name);
      for (const text of [rateText(row.forks), rateText(row.execs), rateText(row.exits), whole.format(row.alive)]) {
        line.append(element("td", "", text));
      }
      return line;
    }),
  );
  $(id).hidden = rows.length === 0;
  $(`${id}-note`).hidden = rows.length > 0;
  $(`${id}-note`).textContent = note;
}

function fillList(id, entries, none) {
  const peak = Math.max(...entries.map(([, value]) => value), 1e-9);
  $(id).replaceChildren(
    ...entries.map(([label, value]) => {
      const item = document.createElement("li");
      item.append(element("span", "label", label), bar(value / peak), element("span", "number", short.format(value)));
      return item;
    }),
  );
  $(`${id}-note`).hidden = entries.length > 0;
  $(`${id}-note`).textContent = none;
}

// Why there is nothing: the collector's state, or, where it works, `none`.
function whyNothing(page, collector, none) {
  const works = sum(page, "cnproc_scrape_collector_success", { collector });
  if (works === null) return `The collector ${collector} is off.`;
  return works === 1 ? none : `The collector ${collector} fails; the start page says why.`;
}

function fillLifetimes(page, oldest) {
  const buckets = bucketsBetween(page, oldest, "cnproc_process_lifetime_seconds");
  const entries = buckets.map(({ bound, count }, i) => {
    const longer = bound === Infinity ? `> ${durationText(buckets[i - 1]?.bound ?? 0)}` : `≤ ${durationText(bound)}`;
    return [longer, count];
  });
  fillList("lifetimes", entries, whyNothing(page, "processes", "No process has ended."));
}

function fillSignals(page, oldest) {
  const grown = growthBy(page, oldest, "cnproc_exit_signals_total", "signal");
  const cores = growthOf(page, oldest, "cnproc_coredumps_total");
  const rows = cores ? TABLE_ROWS - 1 : TABLE_ROWS;
  const entries = [...grown].filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1]).slice(0, rows);
  if (cores) entries.push(["core dumps", cores]);
  fillList("signals", entries, whyNothing(page, "processes", "No process was ended by a signal."));
}

// ---- The page --------------------------------------------------------------------------------

const state = {
  history: [], // {time (ms, of a clock that nobody sets), date, page}, oldest first
  charts: [],
  windowMs: 120000,
  paused: false,
  failingSince: null,
  notReady: { reason: "", polls: 0 },
};

// A part of a text keeps all of it alive, and this one is copied out.
const copied = (text) => ` ${text}`.slice(1);

function remember(page, asked) {
  const old = state.history.at(-TABLE_PAGES);
  if (old) {
    old.page = new Map(LISTED.filter((name) => old.page.has(name)).map((name) => [
      name,
      old.page.get(name).map(({ labels, key, value }) => ({ labels, key: copied(key), value })),
    ]));
  }
  state.history.push({ time: asked, date: new Date(), page });
  if (state.history.length > KEPT_PAGES) state.history.shift();
}

// The lamp and the word beside it.
function show(color, word) {
  $("lamp").className = `lamp ${color}`;
  if ($("lamp-word").textContent !== word) $("lamp-word").textContent = word;
}

function complain(text, word) {
  const banner = $("banner");
  if (banner.textContent !== text) banner.textContent = text; // read aloud once, not every poll
  banner.hidden = text === "";
  show(text === "" ? "on" : "off", word);
}

function fillTiles(page, before, seconds) {
  $("processes").textContent = countText(whole, sum(page, "cnproc_processes"));
  $("threads").textContent = countText(whole, sum(page, "cnproc_threads"));
  $("events").textContent = rateText((growthOf(page, before, "cnproc_events_total") ?? 0) / seconds);
  const lost = sum(page, "cnproc_events_lost_total") ?? 0;
  $("losses").textContent = short.format(lost);
  $("losses").classList.toggle("bad", lost > 0);
  $("cores").textContent = countText(short, sum(page, "cnproc_coredumps_total"));
  $("memory").textContent = bytesText(sum(page, "process_resident_memory_bytes"));
}

// What the newest page adds to the lines.
function extendCharts() {
  const newest = state.history.at(-1);
  const previous = state.history.at(-2);
  if (!previous) return;
  const seconds = (newest.time - previous.time) / 1000;
  for (const chart of state.charts) {
    chart.add(newest.date, chart.lines.map((line) => line.value(newest.page, previous.page, seconds)));
  }
}

function draw() {
  const newest = state.history.at(-1);
  const previous = state.history.at(-2);
  if (!previous) return;
  for (const chart of state.charts) chart.draw(state.windowMs);
  fillTiles(newest.page, previous.page, (newest.time - previous.time) / 1000);
  const recent = state.history.at(-Math.min(TABLE_PAGES, state.history.length));
  const recentSeconds = (newest.time - recent.time) / 1000;
  const tables = [
    ["program", "program", "No program has been seen."],
    ["unit", "unit", "No systemd unit has been seen."],
    ["container", "container_id", "No container has been seen."],
  ];
  for (const [dimension, label, none] of tables) {
    const rows = busiest(newest.page, recent.page, recentSeconds, dimension, label);
    fillTable(`${dimension}s`, rows, whyNothing(newest.page, dimension, none));
  }
  const oldest = state.history.find((entry) => entry.time >= newest.time - state.windowMs);
  fillLifetimes(newest.page, oldest.page);
  fillSignals(newest.page, oldest.page);
}

// Browsers note each 503 in their console.
async function whyNotReady() {
  if (state.notReady.polls++ % REASON_POLLS !== 0) return state.notReady.reason;
  try {
    const answer = await fetch("./-/ready", { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
    state.notReady.reason = answer.ok ? "" : (await answer.text()).replace(/^503: /, "").trim();
  } catch {
    state.notReady.reason = "";
  }
  return state.notReady.reason;
}

async function tellWhetherUp(page) {
  if (sum(page, "cnproc_up") !== 1) {
    complain(`The kernel's events do not arrive (cnproc_up is 0). ${await whyNotReady()}`.trim(), "no events");
    return;
  }
  state.notReady.polls = 0;
  complain("", "events arrive");
}

async function fetchPage() {
  const answer = await fetch(metricsPath, {
    cache: "no-store",
    headers: { Accept: "text/plain;version=0.0.4" },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!answer.ok) throw new Error(`it answered ${answer.status} ${answer.statusText}`);
  return parsePage(await answer.text(), (name) => SHOWN.test(name));
}

async function poll() {
  if (state.paused || document.hidden) return;
  try {
    // The counters are of this moment, however long the page takes to come.
    const asked = performance.now();
    const page = await fetchPage();
    // Rates across an outage would be averages over all of it, those across a restart nonsense.
    if (state.failingSince || hasRestarted(page) || hasSlept()) beginAnew();
    state.failingSince = null;
    remember(page, asked);
    extendCharts();
    draw();
    await tellWhetherUp(page);
    $("updated").textContent = clock.format(new Date());
  } catch (error) {
    state.failingSince ??= new Date();
    const reason = error.name === "TimeoutError" ? "no answer in time" : error.message;
    complain(`The exporter does not answer since ${clock.format(state.failingSince)}: ${reason}.`, "no answer");
  }
}

function hasRestarted(page) {
  const before = state.history.at(-1);
  return before && sum(page, "process_start_time_seconds") !== sum(before.page, "process_start_time_seconds");
}

// Or the page was hidden for long. The clock that nobody sets may stand still while the machine sleeps.
function hasSlept() {
  const before = state.history.at(-1);
  return before && Date.now() - before.date.getTime() > 2 * TIMEOUT_MS + POLL_MS;
}

// After a pause rates would be averages over all of it: begin anew, with a gap in the lines.
function beginAnew() {
  for (const chart of state.charts) chart.gap(new Date());
  state.history = [];
}

function setPaused(paused) {
  if (state.paused && !paused) beginAnew();
  state.paused = paused;
  $("pause").textContent = paused ? "Continue" : "Pause";
  show("", paused ? "paused" : "waiting");
}

async function main() {
  state.charts = makeCharts();
  $("pause").addEventListener("click", () => setPaused(!state.paused));
  $("window").addEventListener("change", (event) => {
    state.windowMs = Number(event.target.value) * 1000;
    for (const shown of document.querySelectorAll(".shown")) shown.textContent = event.target.selectedOptions[0].text;
    draw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const chart of state.charts) chart.graph.updateOptions(chart.colors());
  });
  // One after the other, so that a slow answer is not overtaken.
  for (;;) {
    const begun = Date.now();
    await poll();
    await new Promise((resolve) => setTimeout(resolve, Math.max(250, POLL_MS - (Date.now() - begun))));
  }
}

main();
