# SPDX-License-Identifier: Apache-2.0
"""See stress_ng.sh."""

import argparse
import os
import re
import shutil
import subprocess
import tempfile

import machine

STRESSORS = 'fork vfork clone exec daemon session pthread zombie prctl ptrace netlink-proc kill'.split()
# Whose bogo operations are forks of processes.
FORKING = ('fork', 'vfork', 'daemon', 'session', 'zombie', 'prctl', 'netlink-proc')


def run(name, seconds, folder, group):
    """Its bogo operations by its own count, and its exit status."""
    # stress-ng refuses to run exec as root.
    as_nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] if name == 'exec' else []
    command = [*as_nobody, f'{folder}/cnpr-stress', f'--{name}', '2', '-t', str(seconds), '--metrics-brief',
               '--temp-path', folder, '--log-brief']
    done = subprocess.run(group.entering(command), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    found = re.search(rf'^{name} +(\d+) ', done.stdout, re.MULTILINE)
    return int(found[1]) if found else None, done


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('exporter')
    parser.add_argument('--seconds', type=int, default=3)
    parser.add_argument('--load', type=int, default=0, help='so many busy processes beside it')
    parser.add_argument('--stressors', default=','.join(STRESSORS))
    arguments = parser.parse_args()
    verdict = machine.Verdict()
    # Beside the temporary folder of others, where nobody may enter it.
    with tempfile.TemporaryDirectory() as folder, machine.load(arguments.load):
        os.chmod(folder, 0o777)
        shutil.copy(shutil.which('stress-ng'), f'{folder}/cnpr-stress')
        with machine.Exporter(arguments.exporter) as exporter:
            start = machine.balance(exporter.page())
            for name in arguments.stressors.split(','):
                with machine.Group() as group:
                    forks_before, page_before = machine.forks_by_kernel(), exporter.page()
                    operations, done = run(name, arguments.seconds, folder, group)
                    page = exporter.settled()
                    forked = int(page.sum('forks_total') - page_before.sum('forks_total'))
                    forks = page.sum('container_forks_total', container_id=group.container)
                    exits = page.sum('container_exits_total', container_id=group.container)
                    left = len(group.alive())
                    verdict.same(f'{name}: stress-ng ends with', 0, done.returncode)
                    if done.returncode != 0 or operations is None:
                        print(done.stdout)
                        verdict.same(f'{name}: stress-ng ran', True, operations is not None)
                    print(f'      {name}: bogo operations {operations}, forks of the machine {forked} (by /proc/stat '
                          f'{machine.forks_by_kernel() - forks_before}), of its group {forks:.0f}')
                    if name in FORKING:
                        verdict.same(f'{name}: at least one fork an operation', True, forks >= operations)
                    if name == 'pthread':
                        threads = page.sum('forks_total', kind='thread') - page_before.sum('forks_total', kind='thread')
                        verdict.same('pthread: at least one thread an operation', True, threads >= operations)
                    # The shell that entered was forked outside.
                    verdict.same(f'{name}: ends, those that entered and were forked', forks + 1 - left, exits)
                    verdict.same(f'{name}: alive in its group', left,
                                 int(page.sum('container_processes', container_id=group.container)))
                    verdict.holds(page, start)
            truth, counted = machine.table_against_proc(exporter)
            verdict.same('processes and threads alive, by /proc', truth, counted)
            page = exporter.page()
            verdict.same('forks by /proc/stat', page.sum('kernel_forks_total'), page.sum('forks_total'))
            programs = {name: int(count) for name, count in page.by('program_execs_total', 'program').items() if count}
            print('      programs:', machine.show(programs))
            print('      names:', machine.show(page.by('program_names_total', 'source')))
    raise SystemExit(verdict.wrong > 0)


if __name__ == '__main__':
    main()
