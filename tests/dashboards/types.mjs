// SPDX-License-Identifier: Apache-2.0
// Holds the dashboards against Grafana's own types (@grafana/schema, of Grafana 10): each dashboard, and each
// panel's options, field options and queries, written as literals of those types for tsc to judge. A literal may
// have no field that its type does not know, so a misspelt option is found as well.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chartsOf, isMain, loadDashboards, ROOT } from './dashboards.mjs';

const HERE = join(ROOT, 'tests/dashboards');
const PANELS = {
  gauge: ['gauge', 'GaugePanelCfg'],
  heatmap: ['heatmap', 'HeatmapPanelCfg'],
  stat: ['stat', 'StatPanelCfg'],
  'state-timeline': ['statetimeline', 'StateTimelinePanelCfg'],
  table: ['table', 'TablePanelCfg'],
  timeseries: ['timeseries', 'TimeSeriesPanelCfg'],
};
const WITHOUT_FIELD_OPTIONS = new Set(['gauge', 'stat']);

// Enums are written as plain strings and numbers in JSON. Options may be partial: Grafana fills in defaults.
// The fields of an annotation that Prometheus' data source adds stand in no published type.
const PREAMBLE = `
import type { AnnotationQuery, Dashboard } from '@grafana/schema';
import type { PrometheusDataQuery } from '@grafana/schema/dist/esm/raw/composable/prometheus/dataquery/x/PrometheusDataQuery_types.gen';
type Json<T> = T extends string ? \`\${T}\`
  : T extends number ? (number extends T ? number : \`\${T}\` extends \`\${infer N extends number}\` ? N : never)
  : T extends Array<infer U> ? Array<Json<U>>
  : T extends object ? { [K in keyof T]: Json<T[K]> }
  : T;
type PrometheusAnnotation = Json<AnnotationQuery<PrometheusDataQuery & { interval?: string }>>
  & { tagKeys?: string; titleFormat?: string; textFormat?: string; useValueForTime?: boolean }
  // Where Grafana before 12.1 looks for the query.
  & { expr: string; step: string };
type PrometheusDashboard = Omit<Json<Dashboard>, 'annotations'> & { annotations: { list: PrometheusAnnotation[] } };
type Some<T> = T extends Array<infer U> ? Array<Some<U>> : T extends object ? { [K in keyof T]?: Some<T[K]> } : T;
`;

function sourceOf({ name, dashboard }, index) {
  const lines = [`// ${name}`, `const dashboard${index}: PrometheusDashboard = ${JSON.stringify(dashboard)};`];
  for (const panel of chartsOf(dashboard)) {
    const place = `p${index}_${panel.id}`;
    const [folder, file] = PANELS[panel.type];
    lines.push(`// ${name}, panel "${panel.title}"`);
    lines.push(`import type * as ${place} from '@grafana/schema/dist/esm/raw/composable/${folder}/panelcfg/x/${file}_types.gen';`);
    lines.push(`const ${place}_options: Json<Some<${place}.Options>> = ${JSON.stringify(panel.options)};`);
    if (panel.fieldConfig.defaults.custom && !WITHOUT_FIELD_OPTIONS.has(panel.type)) {
      lines.push(`const ${place}_custom: Json<Some<${place}.FieldConfig>> = ${JSON.stringify(panel.fieldConfig.defaults.custom)};`);
    }
    lines.push(`const ${place}_targets: Json<PrometheusDataQuery>[] = ${JSON.stringify(panel.targets)};`);
  }
  return lines;
}

export function typeProblems() {
  const folder = mkdtempSync(join(HERE, 'node_modules/.types-'));
  try {
    const file = join(folder, 'dashboards.ts');
    writeFileSync(file, [PREAMBLE, ...loadDashboards().flatMap(sourceOf)].join('\n'));
    const run = spawnSync(process.execPath, [join(HERE, 'node_modules/typescript/bin/tsc'), '--noEmit', '--strict',
      '--skipLibCheck', '--module', 'esnext', '--moduleResolution', 'node', '--pretty', 'false', file],
    { encoding: 'utf8' });
    const source = readFileSync(file, 'utf8').split('\n');
    const where = (line) => source.slice(0, line).findLast((text) => text.startsWith('// dashboards/'))?.slice(3);
    return run.stdout.split('\n').filter(Boolean).map((line) => {
      const [, number, text] = /\((\d+),\d+\): (.*)$/.exec(line) ?? [];
      return number ? `${where(Number(number))}: ${text}` : line;
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (isMain(import.meta)) {
  const problems = typeProblems();
  problems.forEach((problem) => console.error(problem));
  process.exitCode = problems.length ? 1 : 0;
}
