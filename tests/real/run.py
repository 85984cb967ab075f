# SPDX-License-Identifier: Apache-2.0
"""See run.sh."""

import argparse
import collections
import glob
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile

import machine
import strace_log

HERE = pathlib.Path(__file__).resolve().parent
# What only the programs of this run are called: others on the machine add to the other names.
TOKEN = secrets.token_hex(2)


class Lab:
    """Two exporters at once: one as it is shipped, one with room for every name, that tells of lineage, too."""

    def __init__(self, binary, folder, verdict):
        self.folder = folder
        self.verdict = verdict
        self.shipped = machine.Exporter(binary)
        self.by_name = machine.Exporter(binary, '--collector.program.limit=2000', '--collector.lineage',
                                        '--collector.lineage.limit=5000')
        self.exporters = {exporter: machine.balance(exporter.page()) for exporter in (self.shipped, self.by_name)}

    def close(self):
        self.shipped.__exit__()
        self.by_name.__exit__()

    def run(self, command, folder, traced):
        """Runs it in a group of its own. What it printed, the growth of both pages, the log where it was traced."""
        log = self.folder / 'strace.log'
        tracer = []
        if traced:
            tracer = ['strace', '-f', '-y', '-q', '--seccomp-bpf', '-e',
                      'trace=fork,vfork,clone,clone3,execve,execveat', '-o', str(log)]
        with machine.Group() as group:
            pages = self.shipped.page(), self.by_name.page()
            done = subprocess.run([*tracer, *group.entering(command)], cwd=folder, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace', check=False)
            if done.returncode != 0:
                sys.exit(f'tests/real: {command} ended with {done.returncode}:\n{done.stdout[-3000:]}')
            return done.stdout, Growth(group, pages, (self.shipped.settled(), self.by_name.settled())), (
                strace_log.Log(log, 1) if traced else None)


class Growth:
    """What two pages grew by: of the group, and by the program's name."""

    def __init__(self, group, before, after):
        self.group, self.before, self.after = group, before, after

    def of_group(self, metric, **labels):
        page = self.after[0]
        return int(page.sum('container_' + metric, container_id=self.group.container, **labels))

    def by_name(self, metric, **labels):
        """Of the whole machine."""
        grown = self.after[1].by(metric, 'program', **labels)
        grown.subtract(self.before[1].by(metric, 'program', **labels))
        return {name: int(count) for name, count in grown.items() if count}

    def of_program(self, metric, program, **labels):
        return self.by_name(metric, **labels).get(program, 0)

    def by(self, metric, label):
        grown = self.after[0].by(metric, label)
        grown.subtract(self.before[0].by(metric, label))
        return {name: int(count) for name, count in grown.items() if count}

    def lineage(self):
        grown = collections.Counter()
        for sign, page in ((1, self.after[1]), (-1, self.before[1])):
            for labels, value in page.by_metric['cnproc_lineage_execs_total']:
                grown[labels['parent'] + ' > ' + labels['program']] += sign * int(value)
        return {pair: count for pair, count in grown.items() if count}


def against_strace(verdict, what, log, growth):
    """All that strace says of the tree against what was counted on its container and on its programs."""
    same = verdict.same
    same(f'{what}: forks', sum(log.forks.values()), growth.of_group('forks_total'))
    same(f'{what}: execs', sum(log.execs.values()), growth.of_group('execs_total'))
    for outcome in ('success', 'error', 'signal'):
        truth = sum(count for (_, how), count in log.exits.items() if how == outcome)
        same(f'{what}: exits, {outcome}', truth, growth.of_group('exits_total', outcome=outcome))
    signals = {s: growth.of_group('exit_signals_total', signal=s) for s in log.signals}
    same(f'{what}: by signal', dict(log.signals), signals)
    compare(verdict, f'{what}: forks by program', log.forks, growth.by_name('program_forks_total'))
    compare(verdict, f'{what}: execs by program', log.execs, growth.by_name('program_execs_total'))
    for outcome in ('success', 'error', 'signal'):
        truth = {name: count for (name, how), count in log.exits.items() if how == outcome}
        compare(verdict, f'{what}: {outcome} by program', truth, growth.by_name('program_exits_total', outcome=outcome))
    lineage = {f'{one} > {other}': count for (one, other), count in log.lineage.items()}
    compare(verdict, f'{what}: who started what', lineage, growth.lineage())


def compare(verdict, what, truth, counted):
    """By name: as many where the name is only ours, else at least as many. Names those that differ."""
    wrong = {}
    for name, count in truth.items():
        if counted.get(name, 0) < count or (name.startswith(TOKEN) and counted.get(name, 0) != count):
            wrong[name] = count
    wrong |= {name: 0 for name in counted if name.startswith(TOKEN) and name not in truth}
    if wrong:
        verdict.same(what, wrong, {name: counted.get(name, 0) for name in wrong})
    else:
        total = sum(truth.values())
        verdict.same(f'{what}, {sum(1 for count in truth.values() if count)} names', total, total)


def ended_by(printed):
    """What a program says of its children: {"child 7": 20, "itself -9": 1}."""
    return json.loads(re.search(r'^ENDED (\{.*\})$', printed, re.MULTILINE)[1])


def against_itself(verdict, what, printed, growth, programs):
    """What its own wait calls said. `programs`: the name of each word of the program's."""
    truth = collections.defaultdict(collections.Counter)
    codes, signals = collections.Counter(), collections.Counter()
    for key, count in ended_by(printed).items():
        who, status = key.split()
        status = int(status)
        outcome = 'signal' if status < 0 else 'error' if status else 'success'
        truth[programs[who]][outcome] += count
        if status < 0:
            signals[signal.Signals(-status).name] += count
        elif status:
            codes[str(status)] += count
    truth[programs['itself']]['success'] += 1
    for program, outcomes in truth.items():
        counted = {o: growth.of_program('program_exits_total', program, outcome=o) for o in ('success', 'error', 'signal')}
        verdict.same(f'{what}: ends of {program}', {o: outcomes[o] for o in counted}, counted)
    children = sum(truth[programs['child']].values())
    verdict.same(f'{what}: execs of {programs["child"]}', children, growth.of_program('program_execs_total', programs['child']))
    verdict.same(f'{what}: signals in its group', dict(signals),
                 {s: growth.of_group('exit_signals_total', signal=s) for s in signals})
    # Of the whole machine: others may end with such a code, too.
    counted = growth.by('exit_codes_total', 'code')
    rare = {code: count for code, count in codes.items() if int(code) > 100}
    verdict.same(f'{what}: rare codes', rare, {code: counted.get(code, 0) for code in rare})


def fetch_hello(folder):
    """The source package hello by apt-get, from the machine's own sources, without changing what apt knows."""
    work = folder / 'apt'
    for part in ('sources', 'lists/partial', 'cache/archives/partial'):
        (work / part).mkdir(parents=True)
    for path in glob.glob('/etc/apt/sources.list.d/*.sources'):
        text = pathlib.Path(path).read_text(encoding='utf-8')
        (work / 'sources' / os.path.basename(path)).write_text(re.sub(r'(?m)^Types:.*', 'Types: deb-src', text), encoding='utf-8')
    for path in ['/etc/apt/sources.list', *glob.glob('/etc/apt/sources.list.d/*.list')]:
        if os.path.exists(path):
            lines = re.findall(r'(?m)^\s*deb\s.*', pathlib.Path(path).read_text(encoding='utf-8'))
            text = '\n'.join(re.sub(r'^\s*deb\s', 'deb-src ', line) for line in lines)
            (work / 'sources' / os.path.basename(path)).with_suffix('.list').write_text(text + '\n', encoding='utf-8')
    apt = ['apt-get', '-qq', '-o', 'Dir::Etc::SourceList=/dev/null', '-o', f'Dir::Etc::SourceParts={work}/sources',
           '-o', f'Dir::State::Lists={work}/lists', '-o', f'Dir::Cache={work}/cache', '-o', 'APT::Sandbox::User=root']
    subprocess.run([*apt, 'update'], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    subprocess.run([*apt, 'source', '--download-only', 'hello'], cwd=work, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(['tar', '-xf', *glob.glob(f'{work}/hello_*.orig.tar.gz')], cwd=folder, check=True)
    return next(folder.glob('hello-*'))


def build(lab):
    """configure and make, traced; then again untraced, which must come to the same."""
    source = fetch_hello(lab.folder)
    command = ['sh', '-c', './configure --quiet --disable-nls && make --silent -j2']
    for traced in (True, False):
        tree = lab.folder / f'hello-{"traced" if traced else "untraced"}'
        shutil.copytree(source, tree, symlinks=True)
        _, growth, log = lab.run(command, tree, traced)
        if traced:
            truth = log
        against_strace(lab.verdict, 'hello' if traced else 'hello untraced (truth of the traced run)', truth, growth)


PGBENCH = '''
set -e
$bin/initdb -D data -A trust --no-sync >/dev/null
ln -s $bin/postgres $server
ln -s $bin/psql $client
$bin/pg_ctl -p $PWD/$server -D data -w -l server.log -o "-k $PWD -c listen_addresses= -c autovacuum=off -c log_connections=on -c max_connections=100 -c fsync=off" start >/dev/null
$bin/pgbench -h $PWD -i -q postgres 2>/dev/null >/dev/null
$bin/pgbench -h $PWD -c 50 -j 2 -t 20 postgres
$bin/pgbench -h $PWD -c 10 -j 2 -t 20 -C -S postgres
# Six backends that an administrator ends: they exit with 1.
for i in 1 2 3 4 5 6; do ./$client -h $PWD -c 'select pg_sleep(60)' postgres >/dev/null 2>&1 & done
while [ "$($bin/psql -h $PWD -Atc "select count(*) from pg_stat_activity where query = 'select pg_sleep(60)'" postgres)" != 6 ]; do sleep 0.2; done
$bin/psql -h $PWD -Atc "select count(pg_terminate_backend(pid)) from pg_stat_activity where query = 'select pg_sleep(60)'" postgres
wait
$bin/pg_ctl -D data -w -m fast stop >/dev/null
echo "CONNECTIONS $(grep -c 'connection received' server.log)"
'''


def database(lab):
    """PostgreSQL with 50 connections, on a unix socket, as a user of its own."""
    bin_folder = sorted(glob.glob('/usr/lib/postgresql/*/bin'))[-1]
    server, client = f'{TOKEN}-server', f'{TOKEN}-psql'
    command = ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups', 'env', f'bin={bin_folder}',
               f'server={server}', f'client={client}', 'sh', '-c', PGBENCH]
    for traced in (True, False):
        folder = lab.folder / f'postgres-{"traced" if traced else "untraced"}'
        folder.mkdir()
        shutil.chown(folder, 'postgres')
        printed, growth, log = lab.run(command, folder, traced)
        connections = int(re.search(r'^CONNECTIONS (\d+)', printed, re.MULTILINE)[1])
        if traced:
            # All that the server forked is a connection's or one of its own.
            own = log.forks[server] - connections
            against_strace(lab.verdict, 'postgres', log, growth)
        lab.verdict.same(f'postgres {"traced" if traced else "untraced"}: forks of the server, {own} beside one a connection',
                         connections + own, growth.by_name('program_forks_total').get(server, 0))
        lab.verdict.same('postgres: psql and backends that an administrator ended, the launcher of replication',
                         {client: 6, server: 7},
                         {name: growth.of_program('program_exits_total', name, outcome='error') for name in (client, server)})


def language(lab, what, make_command):
    """A program with threads and children: traced against strace and its own words, untraced against these."""
    folder = lab.folder / what
    folder.mkdir()
    child = folder / f'{TOKEN}-child'
    child.symlink_to('/bin/sh')
    itself, command = make_command(folder, str(child))
    programs = {'child': child.name, 'itself': itself}
    for traced in (True, False):
        printed, growth, log = lab.run(command, folder, traced)
        if traced:
            against_strace(lab.verdict, what, log, growth)
        against_itself(lab.verdict, f'{what} {"traced" if traced else "untraced"}', printed, growth, programs)


def python(folder, child):
    itself = folder / f'{TOKEN}-python'
    itself.symlink_to(os.path.realpath('/usr/bin/python3'))
    return itself.name, [str(itself), str(HERE / 'programs/real.py'), child, str(itself)]


def node(folder, child):
    itself = folder / f'{TOKEN}-node'
    itself.symlink_to(shutil.which('node'))
    return itself.name, [str(itself), str(HERE / 'programs/real.js'), child, str(itself)]


def go(folder, child):
    itself = folder / f'{TOKEN}-go'
    environment = dict(os.environ, GO111MODULE='off', GOCACHE=str(folder / 'cache'), CGO_ENABLED='0')
    subprocess.run(['go', 'build', '-o', str(itself), str(HERE / 'programs/real.go')], check=True, env=environment)
    return itself.name, [str(itself), child, str(itself)]


def java(folder, child):
    itself = folder / f'{TOKEN}-java'
    itself.symlink_to(os.path.realpath(shutil.which('java')))
    subprocess.run(['javac', '-d', str(folder), str(HERE / 'programs/Real.java')], check=True)
    return itself.name, [str(itself), '-cp', str(folder), 'Real', child, str(itself), str(folder)]


PARTS = {
    'python': lambda lab: language(lab, 'python', python),
    'node': lambda lab: language(lab, 'node', node),
    'go': lambda lab: language(lab, 'go', go),
    'java': lambda lab: language(lab, 'java', java),
    'postgres': database,
    'hello': build,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('exporter')
    parser.add_argument('--load', type=int, default=0, help='so many busy processes beside it')
    parser.add_argument('--parts', default=','.join(PARTS))
    arguments = parser.parse_args()
    verdict = machine.Verdict()
    with tempfile.TemporaryDirectory() as folder, machine.load(arguments.load):
        os.chmod(folder, 0o755)
        lab = Lab(arguments.exporter, pathlib.Path(folder), verdict)
        try:
            for part in arguments.parts.split(','):
                PARTS[part](lab)
            for exporter, start in lab.exporters.items():
                verdict.holds(exporter.page(), start)
            truth, counted = machine.table_against_proc(lab.shipped)
            verdict.same('processes and threads alive, by /proc', truth, counted)
        finally:
            lab.close()
    raise SystemExit(verdict.wrong > 0)


if __name__ == '__main__':
    main()
