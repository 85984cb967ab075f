# SPDX-License-Identifier: Apache-2.0
"""usage: real.py CHILD: threads that start programs, forks without exec, and copies of itself that fail beside living threads."""

import collections
import json
import os
import subprocess
import sys
import threading
import time

ended = collections.Counter()
lock = threading.Lock()


def remember(name, status):
    with lock:
        ended[f'{name} {os.waitstatus_to_exitcode(status)}'] += 1


def start(name, command):
    pid = os.posix_spawn(command[0], command, os.environ)
    remember(name, os.waitpid(pid, 0)[1])


def start_many(child, itself):
    for code in (0, 3, 113):
        start('child', [child, '-c', f'exit {code}'])
    start('child', [child, '-c', 'kill -9 $$'])
    start('child', [child, '-c', 'kill -SEGV $$'])
    for end in ('exit', 'abort', 'joined'):
        start('itself', [itself, __file__, '--end', end])


def end_beside_threads(how):
    # Those of the first two live on when the process ends, those of the third have just been joined.
    threads = [threading.Thread(target=time.sleep, args=(0 if how == 'joined' else 30,), daemon=True) for _ in range(6)]
    for thread in threads:
        thread.start()
    if how == 'joined':
        for thread in threads:
            thread.join()
        os._exit(117)
    if how == 'abort':
        os.abort()
    os._exit(118)


def main():
    if sys.argv[1] == '--end':
        end_beside_threads(sys.argv[2])
    itself = sys.argv[2]
    for _ in range(20):
        pid = os.fork()
        if pid == 0:
            os._exit(119)
        remember('itself', os.waitpid(pid, 0)[1])
    threads = [threading.Thread(target=start_many, args=(sys.argv[1], itself)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = subprocess.run([sys.argv[1], '-c', 'exit 4'], check=False)
    remember('child', done.returncode << 8)
    print('ENDED', json.dumps(ended))


main()
