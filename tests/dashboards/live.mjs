// SPDX-License-Identifier: Apache-2.0
// The dashboards on the real thing: Prometheus scrapes the exporter while the workload makes known numbers. Every
// query of every panel must return a number, with classic and with native histograms, and those numbers must be
// the workload's. Usage: node live.mjs EXPORTER WORKLOAD (as root)
import { lint } from './lint.mjs';
import { interpolate, isMain, loadDashboards, queriesOf } from './dashboards.mjs';
import { Stand, runWorkload, sleep } from './stand.mjs';

const ROUNDS = 10;
const CONTAINER = `containerd://${'c0ffee'.repeat(10)}cafe`;

// What workload.sh did, as the dashboards must say it: [dashboard, panel, target, labels, value, least]. dt-uid lives
// for a millisecond: where its name is read late, its change to root counts on the program that started it.
const KNOWN = [
  ['cnproc-who', 'Programs', 'B', { program: 'dt-loop' }, 41 * ROUNDS],
  ['cnproc-who', 'Programs', 'C', { program: 'dt-exit' }, ROUNDS],
  ['cnproc-who', 'Programs', 'D', { program: 'dt-exit' }, 4 * ROUNDS],
  ['cnproc-who', 'Programs', 'D', { program: 'dt-term' }, 2 * ROUNDS],
  ['cnproc-who', 'Programs', 'E', { program: 'dt-abort' }, 3 * ROUNDS],
  ['cnproc-who', 'Programs', 'F', { program: 'dt-hog' }, ROUNDS],
  ['cnproc-who', 'Programs', 'G', { program: 'dt-uid' }, ROUNDS, 1],
  ['cnproc-who', 'Units', 'D', { unit: 'dt-app.service' }, 2 * ROUNDS],
  ['cnproc-who', 'Containers', 'F', { container_id: CONTAINER }, ROUNDS],
  ['cnproc-who', 'Who started what', 'A', { parent: 'nginx', program: 'sh' }, ROUNDS],
];

// [query, least value]: of the whole host, where others work as well.
const AT_LEAST = [
  ['sum(increase(cnproc_coredumps_total{signal="SIGABRT"}[2m]))', 2 * ROUNDS],
  ['sum(increase(cnproc_exit_codes_total{code="77"}[2m]))', 3 * ROUNDS],
  ['count(ALERTS{alertname="CnprocCoredumpSpike", alertstate="firing"})', 1],
  ['count(ALERTS{alertname="CnprocOomKills", alertstate="firing"})', 1],
  ['count(ALERTS{alertname="CnprocForksRefused", alertstate="firing"})', 2],
  ['count(ALERTS{alertname="CnprocUnexpectedChild", alertstate="firing"})', 1],
];

const NATIVE = 'histogram_quantile(0.9, rate(cnproc_process_lifetime_seconds[15s]))';

const EXPORTER_LEAD_SECONDS = 60;

const isNumber = ([, value]) => !Number.isNaN(Number(value));
const hasNumber = (series) => (series.values ?? []).some(isNumber) || (series.histograms ?? []).length > 0
  || (series.value && isNumber(series.value)) || Boolean(series.histogram);

function variablesFor(since, now, instance) {
  // The exporter started before Prometheus; who looks at its first hour sees its start.
  const seconds = Math.ceil(now - since) + EXPORTER_LEAD_SECONDS;
  return { cluster: '.*', job: 'cnproc', instance, program: '.+', unit: '.+', container: '.+',
    __rate_interval: '8s', __interval: '2s', __range: `${seconds}s`, __range_s: String(seconds) };
}

export function ask(prometheus, target, now, { step = 2, instance }) {
  const query = interpolate(target.expr, variablesFor(prometheus.since, now, instance));
  return target.instant
    ? prometheus.instant(query, now)
    : prometheus.range(query, Math.floor(prometheus.since), now, step);
}

// Whether the exporter says that it lost nothing. Where others storm on this machine, it may have, and the workload's
// numbers are upper bounds; then alerts on them prove nothing either.
const isWhole = (page) => !/^cnproc_(events_lost_total\{reason="(?!attribute_buffer).*\}|taskstats_records_lost_total) [1-9]/m.test(page);

async function problemsOf(prometheus, now, { exact, instance }) {
  const problems = [];
  for (const { name, dashboard } of loadDashboards()) {
    for (const { where, panel, target } of queriesOf(dashboard)) {
      const result = await ask(prometheus, target, now, { instance });
      if (!result.some(hasNumber)) problems.push(`${name}: ${where} returns nothing`);
      if (!panel) continue;
      for (const [uid, title, refId, labels, value, least = value] of KNOWN) {
        if (uid !== dashboard.uid || title !== panel.title || refId !== target.refId) continue;
        const found = result.filter(({ metric }) => Object.entries(labels).every(([label, text]) => metric[label] === text));
        const got = found.map((series) => Number(series.value[1]));
        if (got.length !== 1 || got[0] > value || got[0] < (exact ? least : 1)) problems.push(`${name}: ${where} ${JSON.stringify(labels)}: ${got}, not ${value}`);
      }
    }
  }
  for (const [query, least] of exact ? AT_LEAST : []) {
    const [series] = await prometheus.instant(query, now);
    if (!series || Number(series.value[1]) < least) problems.push(`${query}: ${series?.value[1]}, less than ${least}`);
  }
  return problems;
}

async function main([exporter, workload]) {
  const stand = new Stand();
  try {
    await stand.exporter(exporter);
    const servers = { classic: await stand.prometheus('classic'), native: await stand.prometheus('native', { native: true }) };
    await sleep(16); // The rules' five minutes in short: then what is new is seen as new.
    await runWorkload(stand, workload, ROUNDS);
    await sleep(3);
    const now = Date.now() / 1000;
    const page = await stand.page();
    const problems = lint(page);
    for (const [ingestion, prometheus] of Object.entries(servers)) {
      const [native] = await prometheus.instant(NATIVE, now);
      if (Boolean(native) !== (ingestion === 'native')) problems.push(`${ingestion}: native histograms are ${native ? '' : 'not '}there`);
      problems.push(...(await problemsOf(prometheus, now, { exact: isWhole(page), instance: stand.target })).map((problem) => `${ingestion}: ${problem}`));
    }
    problems.forEach((problem) => console.error(problem));
    return problems.length ? 1 : 0;
  } finally {
    await stand.stop();
  }
}

if (isMain(import.meta)) process.exitCode = await main(process.argv.slice(2));
