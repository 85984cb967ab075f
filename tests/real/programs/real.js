// SPDX-License-Identifier: Apache-2.0
// usage: real.js CHILD: children of the main thread and of workers, and copies of itself that fail beside living workers.
'use strict';
const { spawn, spawnSync } = require('node:child_process');
const { Worker, isMainThread, workerData, parentPort } = require('node:worker_threads');
const { constants } = require('node:os');

const ended = {};
const remember = (name, code, signal) => {
  const key = `${name} ${signal === null ? code : -constants.signals[signal]}`;
  ended[key] = (ended[key] ?? 0) + 1;
};

if (!isMainThread) {
  if (workerData.child) {
    const codes = [5, 0, 120].map((code) => spawnSync(workerData.child, ['-c', `exit ${code}`]).status);
    parentPort.postMessage(codes);
  } else {
    setInterval(() => {}, 1000);
    parentPort.postMessage('up');
  }
} else if (process.argv[2] === '--end') {
  let up = 0;
  for (let i = 0; i < 3; i++) {
    new Worker(__filename, { workerData: {} }).on('message', () => {
      if (++up === 3) process.exit(121);
    });
  }
} else {
  const child = process.argv[2];
  const run = (name, command, words) =>
    new Promise((resolve) => {
      spawn(command, words, { stdio: 'ignore' }).on('exit', (code, signal) => resolve(remember(name, code, signal)));
    });
  const work = () =>
    new Promise((resolve) => {
      new Worker(__filename, { workerData: { child } })
        .on('message', (codes) => codes.forEach((code) => remember('child', code, null)))
        .on('exit', resolve);
    });
  const all = [];
  for (let i = 0; i < 10; i++) {
    all.push(run('child', child, ['-c', 'exit 6']), run('child', child, ['-c', 'kill -TERM $$']));
  }
  for (let i = 0; i < 3; i++) all.push(work(), run('itself', process.argv[3], [__filename, '--end']));
  Promise.all(all).then(() => console.log('ENDED', JSON.stringify(ended)));
}
