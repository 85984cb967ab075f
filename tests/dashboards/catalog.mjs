// SPDX-License-Identifier: Apache-2.0
// Which series exist, and with which labels: the exporter's page, what Prometheus adds, what the rules record.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { ROOT } from './dashboards.mjs';
import { labelsOf, parse } from './promql.mjs';

const TARGET_LABELS = ['cluster', 'job', 'instance'];
const ALERT_LABELS = ['alertname', 'alertstate', 'severity', 'program', 'unit', 'container_id', 'parent', 'collector', 'dimension', 'scope'];
const BY_PROMETHEUS = { up: [], scrape_samples_scraped: [], scrape_duration_seconds: [], ALERTS: ALERT_LABELS };

// {name: Set of labels} of a page in the text format. A family without a sample is known, without labels.
function seriesOnPage(page) {
  const series = new Map();
  const add = (name, labels) => series.set(name, new Set([...(series.get(name) ?? []), ...labels]));
  for (const line of page.split('\n')) {
    const [, declared, type] = /^# TYPE (\S+) (\S+)/.exec(line) ?? [];
    if (declared) (type === 'histogram' ? [declared, `${declared}_bucket`, `${declared}_count`] : [declared])
      .forEach((name) => add(name, []));
    const [, name, labels = ''] = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? /.exec(line) ?? [];
    if (!name) continue;
    add(name, [...labels.matchAll(/(\w+)="(?:[^"\\]|\\.)*"/g)].map((match) => match[1]));
    // The native histogram has the family's own name, and no le.
    if (name.endsWith('_bucket')) {
      add(name.replace(/_bucket$/, ''), [...series.get(name)].filter((label) => label !== 'le'));
    }
  }
  return series;
}

export function loadRules() {
  const folder = join(ROOT, 'dashboards/rules');
  return readdirSync(folder).filter((name) => name.endsWith('.yml')).sort()
    .flatMap((name) => parseYaml(readFileSync(join(folder, name), 'utf8')).groups)
    .flatMap((group) => group.rules)
    .map((rule) => ({ ...rule, name: rule.record ?? rule.alert, expr: String(rule.expr) }));
}

// A function from a series' name to its labels; undefined for a series that does not exist.
export function catalogOf(page) {
  const series = seriesOnPage(page);
  for (const [name, labels] of Object.entries(BY_PROMETHEUS)) series.set(name, new Set(labels));
  for (const labels of series.values()) TARGET_LABELS.forEach((label) => labels.add(label));
  const lookup = (name) => series.get(name);
  // Recorded series may build on others: as often as there are rules is enough.
  const records = loadRules().filter((rule) => rule.record);
  for (let pass = 0; pass < 2; pass += 1) {
    for (const rule of records) {
      series.set(rule.record, labelsOf(parse(rule.expr), (name) => lookup(name) ?? [], () => {}));
    }
  }
  return lookup;
}
