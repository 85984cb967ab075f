// SPDX-License-Identifier: Apache-2.0
// A test stand on the loopback: the real exporter and real Prometheus servers (Debian's package) that scrape it
// each second, one for classic histograms, one for native ones, with the shipped rules in shortened time.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './dashboards.mjs';

export const sleep = (seconds) => new Promise((done) => { setTimeout(done, seconds * 1000); });

export function freePort() {
  return new Promise((done, fail) => {
    const server = createServer().once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

export async function until(what, seconds, condition) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(0.2)) {
    if (await condition().catch(() => false)) return;
  }
  throw new Error(`${what}: not within ${seconds} s`);
}

const SECONDS = { s: 1, m: 60, h: 3600, d: 86400 };

// Five minutes become fifteen seconds, so that all the rules' windows pass within a test.
export function shortenRules(text, factor = 20) {
  const shorter = (whole, number, unit) => `${Math.max(1, Math.round((number * SECONDS[unit]) / factor))}s`;
  return text
    .replace(/(?<=\[)(\d+)([smhd])(?=\])/g, shorter)
    .replace(/(?<=offset )(\d+)([smhd])\b/g, shorter)
    .replace(/(?<=for: )(\d+)([smhd])\b/g, shorter);
}

export class Prometheus {
  constructor(url, since) {
    Object.assign(this, { url, since });
  }

  async get(path, parameters) {
    const answer = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const body = await answer.json();
    if (body.status !== 'success') throw new Error(`${body.error} in ${JSON.stringify(parameters)}`);
    return body.data;
  }

  async instant(query, time = Date.now() / 1000) {
    return (await this.get('query', { query, time })).result;
  }

  async range(query, start, end, step) {
    return (await this.get('query_range', { query, start, end, step })).result;
  }
}

export class Stand {
  #children = [];

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'cnproc-stand-'));
  }

  start(name, command, args) {
    const log = openSync(join(this.folder, `${name}.log`), 'a');
    const child = spawn(command, args, { stdio: ['ignore', log, log], cwd: this.folder });
    child.called = name;
    this.#children.push(child);
    child.once('error', (error) => { child.failed = error; });
    return child;
  }

  pidOf(name) {
    return this.#children.find((child) => child.called === name).pid;
  }

  log(name) {
    return readFileSync(join(this.folder, `${name}.log`), 'utf8').trim().split('\n').slice(-8).join('\n');
  }

  async exporter(binary, flags = []) {
    this.target = `127.0.0.1:${await freePort()}`;
    const child = this.start('exporter', binary, [`--web.listen-address=${this.target}`, '--collector.lineage',
      // A machine that builds has more programs than the default limit, and the workload's must not be `other`.
      '--collector.program.limit=1000', '--collector.lineage.limit=1000', ...flags]);
    await until('exporter ready', 10, async () => {
      if (child.exitCode !== null || child.failed) return true;
      return (await fetch(`http://${this.target}/-/ready`)).ok;
    });
    if (child.exitCode !== null || child.failed) throw new Error(`the exporter ended: ${child.failed ?? this.log('exporter')}`);
    return child;
  }

  // A recording as one more host: the same events, at another pace, again and again.
  async replay(binary, file, speed) {
    const address = `127.0.0.1:${await freePort()}`;
    this.start(`replay-${address}`, binary, [`--web.listen-address=${address}`, `--connector.replay=${file}`,
      '--connector.replay-loop', `--connector.replay-speed=${speed}`,
      // A recording tells nothing to the others.
      '--collector.disable-defaults', '--collector.processes']);
    await until('replay answers', 30, async () => (await fetch(`http://${address}/-/healthy`)).ok);
    return address;
  }

  async page() {
    return (await fetch(`http://${this.target}/metrics`)).text();
  }

  // name: also the folder of its data. native: with the feature that makes it ask for protobuf. hosts: names by which
  // targets are known instead of their addresses.
  async prometheus(name, { native = false, targets = [this.target], hosts = {}, alertmanager, interval = '1s', shorten = shortenRules } = {}) {
    const folder = join(this.folder, name);
    mkdirSync(join(folder, 'rules'), { recursive: true });
    for (const rule of readdirSync(join(ROOT, 'dashboards/rules'))) {
      writeFileSync(join(folder, 'rules', rule), shorten(readFileSync(join(ROOT, 'dashboards/rules', rule), 'utf8')));
    }
    writeFileSync(join(folder, 'prometheus.yml'), `
global: { scrape_interval: ${interval}, scrape_timeout: ${interval}, evaluation_interval: ${interval} }
rule_files: [rules/*.yml]
scrape_configs:
  - job_name: cnproc
    static_configs: ${JSON.stringify(targets.map((target) => ({ targets: [target],
      labels: { cluster: 'test', ...(hosts[target] ? { instance: hosts[target] } : {}) } })))}
${alertmanager ? `alerting: { alertmanagers: [{ static_configs: [{ targets: ['${alertmanager}'] }] }] }` : ''}
`);
    const address = `127.0.0.1:${await freePort()}`;
    const child = this.start(name, 'prometheus', [`--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`, `--web.listen-address=${address}`,
      ...(native ? ['--enable-feature=native-histograms'] : [])]);
    const prometheus = new Prometheus(`http://${address}`, Date.now() / 1000);
    await until(`${name} has scraped`, 40, async () => {
      if (child.exitCode !== null || child.failed) throw new Error(`prometheus ended: ${child.failed ?? this.log(name)}`);
      return (await prometheus.instant('cnproc_up')).length > 0;
    }).catch((error) => { throw new Error(`${error.message}\n${this.log(name)}`); });
    return prometheus;
  }

  // Pages the webhook at once, again at each change, and when an alert resolves.
  async alertmanager(webhook) {
    writeFileSync(join(this.folder, 'alertmanager.yml'), `
route: { receiver: pager, group_by: ['...'], group_wait: 0s, group_interval: 1s }
receivers: [{ name: pager, webhook_configs: [{ url: '${webhook}', send_resolved: true }] }]
`);
    const address = `127.0.0.1:${await freePort()}`;
    this.start('alertmanager', 'prometheus-alertmanager', [`--config.file=${join(this.folder, 'alertmanager.yml')}`,
      `--storage.path=${join(this.folder, 'alertmanager')}`, `--web.listen-address=${address}`, '--cluster.listen-address=']);
    await until('alertmanager ready', 10, async () => (await fetch(`http://${address}/-/ready`)).ok)
      .catch((error) => { throw new Error(`${error.message}\n${this.log('alertmanager')}`); });
    return address;
  }

  async stop() {
    const running = this.#children.filter((child) => child.exitCode === null && !child.failed);
    await Promise.all(running.map((child) => new Promise((done) => {
      child.once('exit', done);
      child.kill('SIGTERM');
    })));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

// Runs the workload of known numbers to its end.
export function runWorkload(stand, binary, rounds) {
  const folder = join(stand.folder, 'workload');
  mkdirSync(folder, { recursive: true });
  const child = stand.start('workload', join(ROOT, 'tests/dashboards/workload.sh'), [binary, folder, String(rounds)]);
  return new Promise((done, fail) => {
    child.once('exit', (code) => (code === 0 ? done() : fail(new Error(`workload: status ${code}\n${stand.log('workload')}`))));
    child.once('error', fail);
  });
}
