# SPDX-License-Identifier: Apache-2.0
"""What the scripts here share: the exporter, groups of processes, /proc, and what a page must always say of itself."""

import collections
import contextlib
import os
import pathlib
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request

SERIES = re.compile(r'(cnproc_\w+)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Page:
    """One page: the value of a series, the sum of a metric over what is not named."""

    def __init__(self, text):
        self.series = []
        self.by_metric = collections.defaultdict(list)
        for line in text.splitlines():
            match = SERIES.fullmatch(line)
            if match:
                labels = dict(LABEL.findall(match[2] or ''))
                self.by_metric[match[1]].append((labels, float(match[3])))

    def sum(self, metric, **wanted):
        return sum(
            value
            for labels, value in self.by_metric['cnproc_' + metric]
            if all(labels.get(name) == text for name, text in wanted.items())
        )

    def by(self, metric, label, **wanted):
        counts = collections.Counter()
        for labels, value in self.by_metric['cnproc_' + metric]:
            if all(labels.get(name) == text for name, text in wanted.items()):
                counts[labels.get(label)] += value
        return counts


class Exporter:
    """The real binary with a page of its own. Ended at the end of its scope."""

    def __init__(self, binary, *flags):
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            port = probe.getsockname()[1]
        self.url = f'http://127.0.0.1:{port}'
        self.process = subprocess.Popen(
            [binary, f'--web.listen-address=127.0.0.1:{port}', '--log.level=warn', *flags]
        )
        for _ in range(300):
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError), urllib.request.urlopen(self.url + '/-/ready'):
                return
            time.sleep(0.1)
        sys.exit(f'tests/real: {binary} does not become ready')

    def page(self):
        with urllib.request.urlopen(self.url + '/metrics', timeout=30) as answer:
            return Page(answer.read().decode())

    def settled(self):
        """A page that all that was done before is on."""
        time.sleep(0.5)
        return self.page()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Group:
    """A cgroup that reads like a container's, so that what others do on the machine is not in its numbers."""

    def __init__(self):
        base = pathlib.Path('/sys/fs/cgroup/unified')
        if not base.is_dir():
            base = pathlib.Path('/sys/fs/cgroup')
        self.id = secrets.token_hex(32)
        self.container = 'docker://' + self.id
        self.path = base / 'cnproc-real' / self.id
        self.path.mkdir(parents=True)
        self.procs = str(self.path / 'cgroup.procs')

    def entering(self, command):
        """The command, run in the group by a shell that is still outside when it is exec'd."""
        return ['/bin/sh', '-c', 'echo $$ >"$0" && exec "$@"', self.procs, *command]

    def alive(self):
        return pathlib.Path(self.procs).read_text().split()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for _ in range(100):
            with contextlib.suppress(OSError):
                self.path.rmdir()
                self.path.parent.rmdir()
            if not self.path.exists():
                return
            time.sleep(0.1)


@contextlib.contextmanager
def load(count):
    """So many processes that compute all the time."""
    busy = [subprocess.Popen(['/bin/sh', '-c', 'while :; do :; done']) for _ in range(count)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def alive_in_proc():
    """Processes and threads that have not ended, by /proc. A leader may have ended before its threads."""
    processes = threads = 0
    for pid in os.listdir('/proc'):
        if not pid.isdigit():
            continue
        living = 0
        with contextlib.suppress(OSError):
            for tid in os.listdir(f'/proc/{pid}/task'):
                with contextlib.suppress(OSError), open(f'/proc/{pid}/task/{tid}/stat', 'rb') as stat:
                    living += stat.read().rpartition(b')')[2].split()[0] not in (b'Z', b'X')
        processes += living > 0
        threads += living
    return processes, threads


def forks_by_kernel():
    with open('/proc/stat', encoding='ascii') as stat:
        return next(int(line.split()[1]) for line in stat if line.startswith('processes '))


def table_against_proc(exporter, seconds=30):
    """(truth, counted), taken while nothing on the machine forked or ended; the last try's where that never happened."""
    deadline = time.monotonic() + seconds
    while True:
        before = (forks_by_kernel(), alive_in_proc())
        page = exporter.page()
        after = (forks_by_kernel(), alive_in_proc())
        counted = (int(page.sum('processes')), int(page.sum('threads')))
        if before == after and counted == after[1] or time.monotonic() > deadline:
            return after[1], counted
        time.sleep(0.05)


def balance(page):
    """How many processes were alive at the start, which no page may change its mind about."""
    return (
        page.sum('processes')
        - page.sum('forks_total', kind='process')
        + page.sum('process_exits_total')
        - page.sum('processes_reconciled_total', change='appeared')
        + page.sum('processes_reconciled_total', change='vanished')
    )


def identities(page):
    """What must be true of each page: (name, one side, the other side)."""
    sums = [
        ('forks = fork events', page.sum('forks_total'), page.sum('events_total', event='fork')),
        ('execs = exec events', page.sum('execs_total'), page.sum('events_total', event='exec')),
        (
            'exits of processes and threads = exit events',
            page.sum('process_exits_total') + page.sum('thread_exits_total'),
            page.sum('events_total', event='exit'),
        ),
        ('codes = exits with an error', page.sum('exit_codes_total'), page.sum('process_exits_total', outcome='error')),
        ('signals = exits by signal', page.sum('exit_signals_total'), page.sum('process_exits_total', outcome='signal')),
        ('names = exits', page.sum('program_names_total'), page.sum('process_exits_total')),
        (
            'lifetimes known and unknown = exits',
            page.sum('process_lifetime_seconds_count') + page.sum('process_lifetimes_unknown_total'),
            page.sum('process_exits_total'),
        ),
        ('programs = processes', page.sum('program_processes'), page.sum('processes')),
        ('forks of users', page.sum('user_forks_total'), page.sum('forks_total', kind='process')),
        ('execs of users', page.sum('user_execs_total'), page.sum('execs_total')),
    ]
    # A program that gives way at the limit takes its counts with it.
    if page.sum('label_evictions_total', dimension='program'):
        return sums
    sums += [
        ('forks of programs', page.sum('program_forks_total'), page.sum('forks_total', kind='process')),
        ('execs of programs', page.sum('program_execs_total'), page.sum('execs_total')),
        ('core dumps of programs', page.sum('program_coredumps_total'), page.sum('coredumps_total')),
    ]
    for outcome in ('success', 'error', 'signal'):
        sums.append(
            (
                f'exits of programs, {outcome}',
                page.sum('program_exits_total', outcome=outcome),
                page.sum('process_exits_total', outcome=outcome),
            )
        )
    return sums


class Verdict:
    """Prints a line for each comparison, and remembers whether all held."""

    def __init__(self):
        self.wrong = 0

    def same(self, what, truth, counted):
        good = truth == counted
        self.wrong += not good
        print(f'{"ok   " if good else "WRONG"} {what}: truth {show(truth)}, counted {show(counted)}', flush=True)

    def holds(self, page, start):
        """Identities, and nothing lost, appeared or vanished. Says only what does not hold."""
        broken = [f'{name}: {one:.0f} and {other:.0f}' for name, one, other in identities(page) if one != other]
        if balance(page) != start:
            broken.append(f'processes at the start: {balance(page):.0f}, before {start:.0f}')
        for metric in ('events_lost_total', 'taskstats_records_lost_total', 'comm_records_lost_total',
                       'processes_reconciled_total', 'resyncs_total', 'process_table_evictions_total'):
            if page.sum(metric) != 0:
                broken.append(f'{metric}: {page.sum(metric):.0f}')
        if broken:
            # What helps to find out why.
            for metric, label in (('events_lost_total', 'reason'), ('label_evictions_total', 'dimension'),
                                  ('label_overflows_total', 'dimension'), ('program_names_total', 'source')):
                print(f'      {metric}: {show({n: c for n, c in page.by(metric, label).items() if c})}')
        self.same('nothing lost or reconciled, all identities', [], broken)


def show(value):
    if isinstance(value, dict):
        return ' '.join(f'{name}={show(number)}' for name, number in sorted(value.items())) or 'none'
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return str(value) if value != [] else 'none'


def difference(truth, counted):
    """Of two counts by name what is not the same."""
    names = {name for name in truth.keys() | counted.keys() if truth.get(name, 0) != counted.get(name, 0)}
    return {n: truth.get(n, 0) for n in names}, {n: int(counted.get(n, 0)) for n in names}
