// SPDX-License-Identifier: Apache-2.0
// What all checks of the dashboards share: where they are, how to walk them, how Grafana fills in variables.
import { readFileSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

export const isMain = (meta) => process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(meta.url);

export function dashboardFiles() {
  const folder = join(ROOT, 'dashboards');
  return readdirSync(folder).filter((name) => name.endsWith('.json')).sort().map((name) => join(folder, name));
}

export function loadDashboards() {
  return dashboardFiles().map((file) => ({
    name: relative(ROOT, file),
    dashboard: JSON.parse(readFileSync(file, 'utf8')),
  }));
}

// Rows that are folded hold their panels; open rows are followed by them.
export function panelsOf(dashboard) {
  return dashboard.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
}

export const chartsOf = (dashboard) => panelsOf(dashboard).filter((panel) => panel.type !== 'row');

// Every query that Grafana would send, with the place it stands at.
export function queriesOf(dashboard) {
  return [
    ...chartsOf(dashboard).flatMap((panel) =>
      (panel.targets ?? []).map((target) => ({ where: `panel "${panel.title}" ${target.refId}`, panel, target }))),
    ...dashboard.annotations.list.map(({ name, target }) => ({ where: `annotation "${name}"`, target })),
    ...dashboard.templating.list.filter((variable) => variable.type === 'query').map((variable) => ({
      where: `variable "${variable.name}"`, variable, target: { expr: selectorOf(variable) } })),
  ];
}

// label_values(SELECTOR, label) → SELECTOR
export function selectorOf(variable) {
  const match = /^label_values\((.*),\s*(\w+)\)$/s.exec(variable.query.query ?? variable.query);
  if (!match) throw new Error(`variable "${variable.name}" is no label_values(selector, label)`);
  return match[1];
}

export function interpolate(text, values) {
  return text.replace(/\$\{(\w+)(?::\w+)?\}|\$(\w+)/g, (whole, braced, bare) => values[braced ?? bare] ?? whole);
}
