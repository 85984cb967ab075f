// SPDX-License-Identifier: Apache-2.0
// Draws the previews of the dashboards, dashboards/preview/*.png: real Prometheus, real exporter, the workload of
// known numbers and a storm; each panel from the shipped JSON and the answer to its own query; in Debian's Chromium (packages chromium and pngquant).
// So that the Fleet has hosts, a recording of this machine is replayed by three more exporters at other paces.
// usage: node render/render.mjs EXPORTER WORKLOAD [ROUNDS] (as root)
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { chartsOf, loadDashboards, ROOT } from '../dashboards.mjs';
import { ask } from '../live.mjs';
import { Stand, runWorkload, sleep } from '../stand.mjs';

const HERE = join(ROOT, 'tests/dashboards');
const STEP = 2;
const TYPES = { html: 'text/html', css: 'text/css', js: 'text/javascript' };

function servePage() {
  const server = createServer((request, response) => {
    const name = request.url === '/' ? 'page.html' : request.url.slice(1);
    const file = name.startsWith('uPlot') ? join(HERE, 'node_modules/uplot/dist', name) : join(HERE, 'render', name);
    response.setHeader('Content-Type', TYPES[name.split('.').at(-1)] ?? 'text/plain');
    try {
      response.end(readFileSync(file));
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((done) => { server.listen(0, '127.0.0.1', () => done(server)); });
}

// The Fleet shows all hosts, the others this one.
async function collect(prometheus, dashboard, now) {
  const instance = dashboard.uid === 'cnproc-fleet' ? '.+' : 'this-host';
  const answers = {};
  for (const panel of chartsOf(dashboard)) {
    answers[panel.id] = {};
    for (const target of panel.targets) answers[panel.id][target.refId] = await ask(prometheus, target, now, { step: STEP, instance });
  }
  const [annotation] = dashboard.annotations.list;
  const fired = await ask(prometheus, annotation.target, now, { step: STEP, instance });
  const annotations = fired.map(({ metric, values }) => ({ name: metric.alertname, start: values[0][0] }));
  return { dashboard, answers, context: { start: Math.floor(prometheus.since), end: Math.floor(now), step: STEP, annotations, variables: { datasource: 'Prometheus', ...(instance === '.+' ? {} : { instance }) } } };
}

// The rounds of known numbers, and a storm in the middle of them.
async function blow(stand, workload, rounds) {
  const known = runWorkload(stand, workload, rounds);
  await sleep(rounds);
  stand.start('storm', workload, ['storm', '20000', '0']);
  await known;
}

async function main([exporter, workload, rounds = '40']) {
  const stand = new Stand();
  const server = await servePage();
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  try {
    const recording = join(stand.folder, 'recording.pcap');
    const recorder = await stand.exporter(exporter, [`--connector.record=${recording}`]);
    await blow(stand, workload, 8);
    recorder.kill('SIGTERM');
    await stand.exporter(exporter);
    const hosts = { [stand.target]: 'this-host' };
    for (const speed of [0.25, 0.5, 1]) hosts[await stand.replay(exporter, recording, speed)] = `replay-x${speed}`;
    const prometheus = await stand.prometheus('preview', { targets: Object.keys(hosts), hosts });
    await sleep(30);
    await blow(stand, workload, Number(rounds));
    await sleep(4);
    const now = Date.now() / 1000;
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, deviceScaleFactor: 1 });
    page.on('pageerror', (error) => { throw error; });
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    mkdirSync(join(ROOT, 'dashboards/preview'), { recursive: true });
    for (const { dashboard } of loadDashboards()) {
      await page.evaluate((data) => window.draw(data), await collect(prometheus, dashboard, now));
      const path = join(ROOT, `dashboards/preview/${dashboard.uid.replace('cnproc-', '')}.png`);
      await page.locator('main').screenshot({ path });
      spawnSync('pngquant', ['--force', '--strip', '--output', path, '128', path]); // A third of the size, if there.
    }
  } finally {
    await browser.close();
    server.close();
    await stand.stop();
  }
}

await main(process.argv.slice(2));
