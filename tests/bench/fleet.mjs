// SPDX-License-Identifier: Apache-2.0
// What a fleet costs Prometheus: a recording of this machine is replayed by many exporters, one Prometheus (Debian's)
// scrapes them all with the shipped rules, at the usual intervals. Prints a table; checks nothing.
// usage: node tests/bench/fleet.mjs EXPORTER WORKLOAD [HOSTS] [MINUTES]   (as root; needs 15 MiB a host)
import { join } from 'node:path';
import { readFileSync, writeFileSync } from 'node:fs';
import { Stand, runWorkload, sleep } from '../dashboards/stand.mjs';

const [exporter, workload, hosts = '200', minutes = '4'] = process.argv.slice(2);
const PID_MAX = '/proc/sys/kernel/pid_max';
const pidMax = readFileSync(PID_MAX, 'utf8');
const stand = new Stand();

const ticks = (pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
};
const resident = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;

try {
  const recording = join(stand.folder, 'recording.pcap');
  const recorder = await stand.exporter(exporter, [`--connector.record=${recording}`]);
  await runWorkload(stand, workload, 5);
  const live = (await stand.page()).split('\n').filter((line) => line && !line.startsWith('#')).length;
  recorder.kill('SIGTERM');

  // Every exporter keeps some 200 idle threads for its web server: more than a small pid_max allows all of them.
  writeFileSync(PID_MAX, String(Math.max(Number(pidMax), 300 * Number(hosts) + 32768)));
  const targets = [];
  while (targets.length < Number(hosts)) {
    targets.push(...await Promise.all([1, 2, 3, 4].map(() => stand.replay(exporter, recording, 0.2))));
  }
  const prometheus = await stand.prometheus('fleet', { targets, shorten: (text) => text, interval: '15s' });
  const server = stand.pidOf('fleet');
  await sleep(60);
  const [begin, cpu] = [Date.now(), ticks(server)];
  await sleep((Number(minutes) - 1) * 60);
  const number = async (query) => Number((await prometheus.instant(query))[0]?.value[1] ?? NaN);
  const own = async (name) => {
    const text = await (await fetch(`${prometheus.url}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  };
  const total = async (name) => {
    const text = await (await fetch(`${prometheus.url}/metrics`)).text();
    return [...text.matchAll(new RegExp(`^${name}\\{.*\\} (\\S+)$`, 'gm'))].reduce((sum, [, value]) => sum + Number(value), 0);
  };
  const rows = [
    ['hosts', await number('count(cnproc_up)')],
    ['series of a replaying host', await number('avg(scrape_samples_scraped)')],
    ['series of this live host, all collectors', live],
    ['series of the rules', await number('count({__name__=~".+:.+"})')],
    ['series in Prometheus', await own('prometheus_tsdb_head_series')],
    ['mean scrape, ms', 1000 * await number('avg(scrape_duration_seconds)')],
    ['slowest scrape, ms', 1000 * await number('max(scrape_duration_seconds)')],
    ['Prometheus, CPUs', (ticks(server) - cpu) / ((Date.now() - begin) / 1000)],
    ['Prometheus, MiB resident', resident(server)],
    ['rules, ms for one round of all groups', 1000 * await total('prometheus_rule_group_last_duration_seconds')],
    ['an exporter, MiB resident', await number('avg(process_resident_memory_bytes)') / 1048576],
  ];
  for (const [what, value] of rows) console.log(`${what.padEnd(42)} ${Number(value.toPrecision(4))}`);
} finally {
  await stand.stop();
  writeFileSync(PID_MAX, pidMax);
}
