# SPDX-License-Identifier: Apache-2.0
"""What a tree of processes did, by the log of strace -f -y: forks, execs and ends, by the program that did it."""

import collections
import os
import re

LINE = re.compile(r'(\d+) +(.*)')
CALL = re.compile(r'(fork|vfork|clone|clone3|execve|execveat)\((.*)\) += (-?\d+)')
# A thread whose maker was ended before its call returned.
ORPHAN = re.compile(r'clone3?\(.*CLONE_THREAD')
UNFINISHED = re.compile(r'(.*?) *<unfinished \.\.\.>$')
RESUMED = re.compile(r'<\.\.\. \w+ resumed>(.*)')
EXECVE = re.compile(r'"((?:[^"\\]|\\.)*)"')
EXECVEAT = re.compile(r'(?:(\d+)<(.*?)>|AT_FDCWD[^,]*), "((?:[^"\\]|\\.)*)"')
EXITED = re.compile(r'\+\+\+ exited with (\d+) \+\+\+')
KILLED = re.compile(r'\+\+\+ killed by (\w+)(?: \(core dumped\))? \+\+\+')
SUPERSEDED = re.compile(r'\+\+\+ superseded by execve in pid (\d+) \+\+\+')


def name_of(path):
    """What the kernel calls a program that is executed by this path."""
    return os.path.basename(path.encode().decode('unicode_escape'))[:15]


class Process:
    def __init__(self, name, leader):
        self.name = name
        self.leader = leader
        self.tasks = 1
        self.end = None  # how its leader ended, and whether by a signal: what wait() says


class Log:
    """Everything after the first `skipped_execs` execs, which are those of who entered the group."""

    def __init__(self, path, skipped_execs):
        self.skipped = skipped_execs
        self.forks = collections.Counter()  # processes, by the program that forked
        self.execs = collections.Counter()
        self.exits = collections.Counter()  # by (program, outcome)
        self.codes = collections.Counter()
        self.signals = collections.Counter()
        self.lineage = collections.Counter()  # by (before, program)
        self.threads = 0
        self.orphans = 0  # threads of which only their end is told
        self.tasks = {}  # tid -> Process
        self.calls = {}  # tid -> the beginning of a call
        self.early = collections.defaultdict(list)  # lines of tasks whose parent's call has not returned yet
        with open(path, encoding='utf-8', errors='surrogateescape') as lines:
            for line in lines:
                tid, text = LINE.match(line.rstrip('\n')).groups()
                if not self.tasks:
                    self.tasks[int(tid)] = Process(None, int(tid))
                self.take(int(tid), text)
        only_ended = all(len(lines) == 1 and (EXITED.match(lines[0]) or KILLED.match(lines[0])) for lines in self.early.values())
        if len(self.early) > self.orphans or not only_ended:
            raise ValueError(f'{path}: tasks that nobody made: {dict(self.early)}')

    def take(self, tid, text):
        if tid not in self.tasks:
            self.early[tid].append(text)
            return
        if match := UNFINISHED.match(text):
            self.calls[tid] = match[1]
            return
        if match := RESUMED.match(text):
            text = self.calls.pop(tid, '') + match[1]
        if match := SUPERSEDED.match(text):
            # The thread goes on as the leader, in the middle of its call.
            other = int(match[1])
            self.calls[tid] = self.calls.pop(other)
            self.tasks.pop(other).tasks -= 1
        elif match := EXITED.match(text) or KILLED.match(text):
            self.end(tid, match[1], text.startswith('+++ killed'))
        elif match := CALL.match(text):
            self.call(tid, match[1], match[2], int(match[3]))
        elif ORPHAN.match(text) and text.endswith('= ?'):
            self.orphans += 1

    def call(self, tid, name, words, result):
        process = self.tasks[tid]
        if name.startswith('exec'):
            if result == 0:
                self.exec(process, name, words)
        elif result > 0:
            is_thread = 'CLONE_THREAD' in words
            self.threads += is_thread
            if not is_thread:
                self.forks[process.name] += 1
            process.tasks += is_thread
            self.tasks[result] = process if is_thread else Process(process.name, result)
            for line in self.early.pop(result, []):
                self.take(result, line)

    def exec(self, process, call, words):
        before = process.name
        if call == 'execve':
            process.name = name_of(EXECVE.match(words)[1])
        else:
            _, of_descriptor, path = EXECVEAT.match(words).groups()
            process.name = name_of(path or of_descriptor)
        if self.skipped > 0:
            self.skipped -= 1
            return
        self.execs[process.name] += 1
        self.lineage[before, process.name] += 1

    def end(self, tid, how, is_signal):
        process = self.tasks.pop(tid)
        self.orphans += ORPHAN.match(self.calls.pop(tid, '')) is not None
        process.tasks -= 1
        if tid == process.leader:
            process.end = how, is_signal
        if process.tasks > 0:
            return
        how, is_signal = process.end
        if is_signal:
            self.signals[how] += 1
        elif how != '0':
            self.codes[how] += 1
        self.exits[process.name, 'signal' if is_signal else 'success' if how == '0' else 'error'] += 1
