// SPDX-License-Identifier: Apache-2.0
// From the kernel to the pager, on the real thing: the exporter, Debian's Prometheus with the shipped rules,
// Debian's Alertmanager, a webhook. The rules' times run twenty times as fast (five minutes are fifteen seconds).
// usage: node alerts.mjs EXPORTER WORKLOAD (as root)
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { ROOT } from '../../dashboards/dashboards.mjs';
import { Stand, sleep, until } from '../../dashboards/stand.mjs';

// A scrape, an evaluation, the way through Alertmanager, and a busy machine.
const OVERHEAD = 6;
const MINUTES = 60 / 20;
// What else crashes or forks on the machine may keep an alert up for longer.
const TO_RESOLVE = 120;

class Pager {
  #pages = [];

  async listen() {
    this.server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => { body += chunk; });
      request.on('end', () => {
        for (const alert of JSON.parse(body).alerts) this.#pages.push(alert);
        response.end();
      });
    });
    await new Promise((done) => { this.server.listen(0, '127.0.0.1', done); });
    return `http://127.0.0.1:${this.server.address().port}/`;
  }

  last(alertname) {
    return this.#pages.findLast((alert) => alert.labels.alertname === alertname);
  }

  async wait(alertname, status, seconds) {
    await until(`${alertname} ${status}`, seconds, async () => this.last(alertname)?.status === status);
    return this.last(alertname);
  }

  // What others did on this machine before is no concern of a scenario.
  async quiet(alertname) {
    await until(`${alertname} quiet before its scenario`, 90, async () => this.last(alertname)?.status !== 'firing');
  }
}

function run(binary, args) {
  return new Promise((done, fail) => {
    spawn(binary, args, { stdio: 'ignore' }).once('error', fail).once('exit', (code) => (
      code === 0 ? done() : fail(new Error(`${binary} ${args.join(' ')}: status ${code}`))));
  });
}

// 4,000 forks in each second: five times the past of any idle machine, and above 2,000.
async function storm(workload, seconds) {
  for (let second = 0; second < seconds; second += 1) await Promise.all([run(workload, ['storm', '4000', '0']), sleep(1)]);
}

function checkTexts({ annotations }) {
  assert.ok(annotations.summary && annotations.description, 'a page has a summary and a description');
  const page = annotations.runbook_url.split('/').at(-1);
  assert.ok(existsSync(join(ROOT, 'dashboards/runbooks', page)), `the runbook ${page} exists`);
}

async function main([exporterBinary, workload]) {
  const stand = new Stand();
  const pager = new Pager();
  const crasher = join(stand.folder, 'e2e-crasher');
  copyFileSync(workload, crasher);
  try {
    const webhook = await pager.listen();
    const exporter = await stand.exporter(exporterBinary);
    const alertmanager = await stand.alertmanager(webhook);
    await stand.prometheus('prometheus', { alertmanager });
    await sleep(5 * MINUTES + 1);

    // Given a quiet host, when six processes crash, then one page names the program, and it resolves.
    await pager.quiet('CnprocCoredumpSpike');
    await run(crasher, ['signal', '6', '11']);
    const spike = await pager.wait('CnprocCoredumpSpike', 'firing', OVERHEAD);
    checkTexts(spike);
    assert.match(spike.annotations.description, /e2e-crasher/, 'the page says who crashed');
    await pager.wait('CnprocCoredumpSpike', 'resolved', TO_RESOLVE);

    // When the host forks 4,000 times a second, then it pages within the window and two minutes; it resolves.
    await pager.quiet('CnprocForkStorm');
    const blowing = storm(workload, 20);
    const page = await pager.wait('CnprocForkStorm', 'firing', (5 + 2) * MINUTES + OVERHEAD);
    checkTexts(page);
    assert.equal(page.labels.severity, 'critical');
    await blowing;
    await pager.wait('CnprocForkStorm', 'resolved', TO_RESOLVE);

    // When the exporter stops, then that pages after five minutes.
    exporter.kill('SIGTERM');
    checkTexts(await pager.wait('CnprocExporterDown', 'firing', 5 * MINUTES + OVERHEAD));
  } finally {
    pager.server?.close();
    await stand.stop();
  }
}

await main(process.argv.slice(2));
