// SPDX-License-Identifier: Apache-2.0
// Holds dashboards and rules against a metrics page of the exporter and against the rules of Grafana's
// dashboard-linter. Usage: node lint.mjs PAGE, where PAGE is a file in the text format.
import { readFileSync } from 'node:fs';
import { catalogOf, loadRules } from './catalog.mjs';
import { chartsOf, isMain, loadDashboards, panelsOf, queriesOf } from './dashboards.mjs';
import { RATE_INTERVAL, isValid, labelsOf, parse, selectorsOf, walk } from './promql.mjs';

const UNITS = new Set(['none', 'short', 'percent', 'percentunit', 's', 'ms', 'bytes', 'ops', 'cps', 'bool']);
const UNIT_PANELS = new Set(['stat', 'table', 'timeseries', 'gauge']);
const MADE_BY_GRAFANA = /^(Time|Value( #[A-Z])?)$/;

// Series and labels that an expression names and the catalog does not have.
function* unknownNames(expr, catalog) {
  const tree = parse(expr);
  if (!isValid(tree)) {
    yield `is no PromQL: ${expr}`;
    return;
  }
  for (const { metric, matchers: { __name__: anyOf, ...matchers } } of selectorsOf(tree)) {
    // {__name__=~"a|b", l="…|"} takes those of both that have no l, too.
    const names = metric ? [metric] : anyOf.replace(/^=~"|"$/g, '').split('|');
    for (const name of names.filter((one) => !catalog(one))) yield `selects ${name}, which does not exist`;
    const labels = new Set(names.flatMap((name) => [...(catalog(name) ?? Object.keys(matchers))]));
    for (const label of Object.keys(matchers)) if (!labels.has(label)) yield `${names.join(' and ')} has no label ${label}`;
  }
  const complaints = [];
  labelsOf(tree, (name) => catalog(name) ?? [], (text) => complaints.push(text));
  yield* complaints;
}

function* unknownInPanel(panel, catalog) {
  const columns = new Set();
  for (const target of panel.targets ?? []) {
    const labels = labelsOf(parse(target.expr), (name) => catalog(name) ?? [], () => {});
    for (const label of labels) columns.add(label);
    for (const [, label] of (target.legendFormat ?? '').matchAll(/\{\{(\w+)\}\}/g)) {
      if (!labels.has(label)) yield `target ${target.refId}: the legend names ${label}, which the query drops`;
    }
  }
  for (const { id, options } of panel.transformations ?? []) {
    if (id !== 'organize') continue;
    const named = [options.indexByName, options.excludeByName, options.renameByName].flatMap(Object.keys);
    for (const name of new Set(named)) {
      if (!columns.has(name) && !MADE_BY_GRAFANA.test(name)) yield `a column ${name} is named that no query returns`;
    }
  }
}

// dashboard-linter: template-*-rule. Ours: Host shows one instance, for sums over several hide the one at its limit.
function* lintTemplates({ list }, one) {
  const datasource = list.find((variable) => variable.type === 'datasource');
  if (datasource?.name !== 'datasource' || datasource.label !== 'Data source') yield 'no variable datasource labelled "Data source"';
  // All jobs are those of the exporters: .+ would take in whatever else Prometheus scrapes.
  for (const [name, label, all] of [['job', 'Job', undefined], ['instance', 'Instance', one ? undefined : '.+']]) {
    const variable = list.find((found) => found.name === name);
    if (variable?.type !== 'query') yield `no variable ${name} by query`;
    const multi = !(one && name === 'instance');
    if (variable?.label !== label || variable?.multi !== multi || variable?.includeAll !== multi || variable?.allValue !== all) {
      yield `variable ${name} is not labelled ${label}, ${multi ? 'multi' : 'single'} and all = ${all}`;
    }
  }
  for (const variable of list.filter((found) => found.type === 'query')) {
    if (variable.datasource?.uid !== '${datasource}') yield `variable ${variable.name} does not use $datasource`;
    if (variable.refresh !== 2) yield `variable ${variable.name} does not reload on a change of time`;
  }
}

// dashboard-linter: panel-*-rule.
function* lintPanel(panel) {
  if (panel.datasource?.uid !== '${datasource}') yield 'does not use $datasource';
  if (!panel.title || !panel.description) yield 'has no title or description';
  if (!panel.targets?.length) yield 'has no target';
  if (UNIT_PANELS.has(panel.type) && !UNITS.has(panel.fieldConfig.defaults.unit)) yield 'has no known unit';
  const refIds = panel.targets.map((target) => target.refId);
  if (new Set(refIds).size < refIds.length) yield 'repeats a refId';
}

// Counters of which a query takes series that are new (x unless x offset …): their value is their increase.
function newcomersOf(tree) {
  return new Set([...walk(tree)].filter((node) => node.name === 'BinaryExpr' && node.children.some((part) => part.name === 'Unless'))
    .flatMap((node) => selectorsOf(node)).map((selector) => selector.metric));
}

// dashboard-linter: target-*-rule. A variable of one value is no expression: a dot in it is a dot.
function* lintQuery(expr, one) {
  const tree = parse(expr);
  const newcomers = newcomersOf(tree);
  for (const { metric, matchers, range, call } of selectorsOf(tree)) {
    for (const label of ['job', 'instance']) {
      // The alert that no target is there is of no instance.
      if (metric === 'ALERTS' && matchers[label] === '=~"$instance|"') continue;
      const matcher = `${one && label === 'instance' ? '=' : '=~'}"$${label}"`;
      if (matchers[label] !== matcher) yield `${metric} without ${label}${matcher}`;
    }
    if (/^i?rate$/.test(call) && range !== RATE_INTERVAL) yield `${call}(${metric}) over another range than $__rate_interval`;
    if (metric.endsWith('_total') && !/^(i?rate|increase)$/.test(call) && !newcomers.has(metric)) {
      yield `counter ${metric} without rate, irate or increase`;
    }
  }
}

// Ours: a histogram is asked for in both forms in which Prometheus may have ingested it.
function* lintHistograms(expr) {
  const metrics = new Set(selectorsOf(parse(expr)).map((selector) => selector.metric));
  for (const metric of metrics) {
    const native = metric.replace(/_bucket$/, '');
    if (metric.endsWith('_bucket') && !metrics.has(native)) yield `${metric} without the native ${native}`;
  }
}

function* lintLayout(dashboard, uids) {
  const panels = panelsOf(dashboard);
  if (new Set(panels.map((panel) => panel.id)).size < panels.length) yield 'repeats the id of a panel';
  const taken = new Map();
  for (const { title, gridPos: { x, y, w, h } } of panels) {
    if (x + w > 24) yield `panel "${title}" leaves the grid`;
    for (let cell = 0; cell < w * h; cell += 1) {
      const place = `${x + (cell % w)},${y + Math.floor(cell / w)}`;
      if (taken.has(place)) {
        yield `panels "${title}" and "${taken.get(place)}" overlap`;
        break;
      }
      taken.set(place, title);
    }
  }
  for (const [, uid] of JSON.stringify(dashboard).matchAll(/"\/d\/([\w-]+)/g)) {
    if (!uids.has(uid)) yield `a link leads to the dashboard ${uid}, which does not exist`;
  }
}

function* lintDashboard(dashboard, uids, catalog) {
  if (dashboard.editable !== false) yield 'is editable';
  for (const { name, expr, step, target } of dashboard.annotations.list) {
    // Before 12.1 Grafana reads one, later the other.
    if (expr !== target.expr || step !== target.interval) yield `annotation "${name}" asks two questions`;
  }
  const one = dashboard.uid === 'cnproc-host';
  yield* lintTemplates(dashboard.templating, one);
  yield* lintLayout(dashboard, uids);
  for (const panel of chartsOf(dashboard)) {
    for (const problem of [...lintPanel(panel), ...unknownInPanel(panel, catalog)]) yield `panel "${panel.title}" ${problem}`;
  }
  for (const { where, target, variable } of queriesOf(dashboard)) {
    for (const problem of unknownNames(target.expr, catalog)) yield `${where}: ${problem}`;
    if (variable) continue;
    for (const problem of [...lintQuery(target.expr, one), ...lintHistograms(target.expr)]) yield `${where}: ${problem}`;
  }
  const text = JSON.stringify(dashboard);
  for (const { name } of dashboard.templating.list) {
    if (!text.includes(`$${name}`) && !text.includes(`\${${name}`)) yield `variable ${name} is not used`;
  }
}

export function lint(page) {
  const catalog = catalogOf(page);
  const dashboards = loadDashboards();
  const uids = new Set(dashboards.map(({ dashboard }) => dashboard.uid));
  const problems = dashboards.flatMap(({ name, dashboard }) =>
    [...lintDashboard(dashboard, uids, catalog)].map((problem) => `${name}: ${problem}`));
  const rules = loadRules().flatMap((rule) =>
    [...unknownNames(rule.expr, catalog)].map((problem) => `rule ${rule.name}: ${problem}`));
  return [...problems, ...rules];
}

if (isMain(import.meta)) {
  const problems = lint(readFileSync(process.argv[2], 'utf8'));
  problems.forEach((problem) => console.error(problem));
  process.exitCode = problems.length ? 1 : 0;
}
