// SPDX-License-Identifier: Apache-2.0
// Usage: node live_view.mjs EXPORTER DIRECTORY [SCREENSHOT]; DIRECTORY holds web.yml. See run.sh.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { createServer as createProxy } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium } from 'playwright-core';

const [exporterPath, directory, screenshot] = process.argv.slice(2);
const HOSTILE = '<script>x()'; // a program's name has 15 bytes at most
const LOGIN = { username: 'viewer', password: 'secret' };

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function eventually(what, condition, seconds = 15) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(100)) {
    if (await condition()) return;
  }
  assert.fail(`not within ${seconds} s: ${what}`);
}

class Stand {
  async start() {
    const port = await freePort();
    this.origin = `https://127.0.0.1:${port}`;
    this.exporter = spawn(exporterPath, [`--web.listen-address=127.0.0.1:${port}`,
      `--web.config.file=${join(directory, 'web.yml')}`, '--log.level=warn'], { stdio: ['ignore', 'inherit', 'inherit'] });
    copyFileSync('/bin/true', join(directory, HOSTILE));
    // Forks, execs, failures and ends by a signal, over and over.
    this.workload = spawn('/bin/sh', ['-c', `while :; do ./"${HOSTILE}"; /bin/false; sh -c 'kill -USR1 $$' 2>/dev/null; sleep 0.05; done`],
      { cwd: directory, stdio: 'ignore' });
    // As an operator's proxy does: the pages under a prefix of its own, which the exporter does not know.
    this.prefix = '/cnproc/';
    this.proxy = createProxy((request, response) => {
      if (!request.url.startsWith(this.prefix)) return response.writeHead(404).end();
      const path = request.url.slice(this.prefix.length - 1);
      const { host, ...headers } = request.headers;
      return httpsRequest(`${this.origin}${path}`, { headers, rejectUnauthorized: false }, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      }).on('error', () => response.destroy()).end();
    }).listen(0, '127.0.0.1');
    await once(this.proxy, 'listening');
    this.proxied = `http://127.0.0.1:${this.proxy.address().port}`;
    this.browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  }

  async stop() {
    await this.browser?.close();
    this.proxy?.close();
    for (const child of [this.workload, this.exporter]) {
      if (!child || child.exitCode !== null || child.signalCode !== null) continue;
      child.kill();
      await once(child, 'exit');
    }
  }

  // A page that keeps what it complains of; `complaints` must be empty in the end.
  async open(path, options = {}, origin = this.origin) {
    const context = await this.browser.newContext({ ignoreHTTPSErrors: true, httpCredentials: LOGIN, ...options });
    const page = await context.newPage();
    page.complaints = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) page.complaints.push(`console: ${message.text()}`);
    });
    page.on('pageerror', (error) => page.complaints.push(`error: ${error.message}`));
    page.on('dialog', (dialog) => page.complaints.push(`dialog: ${dialog.message()}`));
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (url.protocol !== 'data:' && url.origin !== origin) page.complaints.push(`foreign: ${request.url()}`);
    });
    await eventually('the exporter answers', () => page.goto(origin + path).then((answer) => answer?.ok(), () => false));
    page.complaints.length = 0; // of the time before it listened
    return page;
  }
}

const text = (page, selector) => page.locator(selector).innerText();
const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
const tooWide = (page) => page.evaluate(() => document.scrollingElement.scrollWidth > innerWidth);

async function testLandingPage(stand) {
  const page = await stand.open('/');
  assert.match(await text(page, 'body'), /stream[\s\S]*works/);
  await page.getByRole('link', { name: 'Live' }).click();
  await page.waitForURL(`${stand.origin}/live`);
  assert.deepEqual(page.complaints, []);
  await page.context().close();
}

async function testBehindAPrefix(stand) {
  const page = await stand.open(stand.prefix, {}, stand.proxied);
  for (const name of ['Dashboards', 'Rules']) {
    await page.getByRole('link', { name }).click();
    await page.waitForURL(`${stand.proxied}${stand.prefix}${name.toLowerCase()}/`);
    const file = page.locator('nav a').first();
    const answer = await page.request.get(await file.evaluate((link) => link.href));
    assert.ok(answer.ok(), `${name}: ${answer.url()} answers ${answer.status()}`);
    await page.getByRole('link', { name: 'Back' }).click();
    await page.waitForURL(stand.proxied + stand.prefix);
    await page.goto(`${stand.proxied}${stand.prefix}${name.toLowerCase()}`);
    assert.equal(page.url(), `${stand.proxied}${stand.prefix}${name.toLowerCase()}/`);
    await page.goBack();
  }
  for (const name of ['Metrics', 'Health', 'Readiness']) {
    const answer = await page.request.get(await page.getByRole('link', { name }).evaluate((link) => link.href));
    assert.ok(answer.ok(), `${name}: ${answer.url()} answers ${answer.status()}`);
  }
  await page.getByRole('link', { name: 'Live' }).click();
  await testNumbersMove(page);
  await page.locator('nav').getByRole('link', { name: 'Dashboards' }).click();
  await page.waitForURL(`${stand.proxied}${stand.prefix}dashboards/`);
  assert.deepEqual(page.complaints, []);
  await page.context().close();
}

async function testSaysWhatIsWhat(page) {
  assert.ok((await page.title()).startsWith(hostname()), await page.title());
  assert.equal(await text(page, 'h1'), hostname());
  await eventually('the lamp has a word', async () => (await text(page, '#lamp-word')) === 'events arrive');
  assert.match(await text(page, '.tiles'), /Events lost\s+[\d.]+ since start[\s\S]*Core dumps\s+[\d.]+ since start/);
  // The clock and the axes have one form: 24 hours.
  const time = /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$/;
  assert.match(await text(page, '#updated'), time);
  const ticks = await page.locator('#forks .dygraph-axis-label-x').allInnerTexts();
  assert.ok(ticks.length > 1, `${ticks.length} ticks`);
  for (const tick of ticks) assert.match(tick, time);
}

// What is not there is off, broken, or has not happened.
async function testSaysWhyATableIsEmpty(stand) {
  const page = await stand.open('/live');
  const answers = [
    [/^cnproc_scrape_collector_success\{collector="container"\}.*\n/m, '', 'The collector container is off.'],
    [/^(cnproc_scrape_collector_success\{collector="container"\}) 1$/m, '$1 0', 'The collector container fails'],
    [/^$/m, '', 'No container has been seen.'],
  ];
  for (const [pattern, replacement, reason] of answers) {
    await page.route('**/metrics', async (route) => {
      const answer = await route.fetch();
      const body = (await answer.text()).replace(/^cnproc_container_.*\n/gm, '').replace(pattern, replacement);
      await route.fulfill({ response: answer, body });
    });
    await eventually(reason, async () => (await text(page, '#containers-note')).startsWith(reason));
    await page.unroute('**/metrics');
  }
  await page.context().close();
}

async function testNumbersMove(page) {
  await eventually('forks are counted', async () => Number(await text(page, '#forks .legend li:first-child b')) > 5);
  await eventually('ends by a signal are listed', async () => /SIGUSR1/.test(await text(page, '#signals')));
  assert.ok(Number(await text(page, '#processes')) > 1);
  assert.match(await text(page, '#exits .legend'), /signal [\d<]/);
  const before = await text(page, '#updated');
  await eventually('the page is updated', async () => (await text(page, '#updated')) !== before);
  assert.equal(await page.locator('#banner').isVisible(), false);
  assert.ok((await page.locator('#forks canvas').count()) > 0);
}

async function testHostileNameIsText(page) {
  await eventually('the hostile program is listed', async () => (await text(page, '#programs')).includes(HOSTILE));
  const scripts = await page.evaluate(() => [...document.scripts].map((script) => script.src));
  assert.equal(scripts.filter((source) => !source.includes('/assets/')).length, 0);
}

async function testKeyboard(page) {
  await page.locator('body').press('Tab');
  for (let i = 0; i < 10 && (await page.evaluate(() => document.activeElement.id)) !== 'pause'; ++i) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  assert.equal(await text(page, '#pause'), 'Continue');
  assert.equal(await text(page, '#lamp-word'), 'paused');
  await sleep(500); // an answer that is on its way may still come
  const paused = await text(page, '#updated');
  await sleep(4500);
  assert.equal(await text(page, '#updated'), paused);
  await page.keyboard.press('Enter');
  await eventually('it goes on', async () => (await text(page, '#updated')) !== paused);
  await page.locator('#window').focus();
  await page.keyboard.press('ArrowDown');
  assert.equal(await page.locator('#window').inputValue(), '300');
}

async function testWidthsAndSchemes(stand) {
  const colors = new Set();
  for (const colorScheme of ['dark', 'light']) {
    const page = await stand.open('/live', { colorScheme, viewport: { width: 320, height: 740 } });
    await eventually('numbers are there', async () => (await text(page, '#processes')) !== '–');
    assert.equal(await tooWide(page), false, 'the live view is wider than a narrow window');
    await page.locator('#programs tbody th').first().waitFor();
    const name = await page.locator('#programs tbody th').first().boundingBox();
    assert.ok(name.width > 90, `names of programs have ${name.width} pixels`);
    await page.setViewportSize({ width: 390, height: 844 });
    assert.equal(await tooWide(page), false, 'the live view is wider than a telephone');
    for (const region of await page.getByRole('region').all()) {
      const hidden = await region.evaluate((box) => box.scrollWidth - box.clientWidth);
      assert.ok(hidden <= 0, `a table is ${hidden} pixels wider than a telephone`);
    }
    await page.setViewportSize({ width: 320, height: 740 });
    await page.getByRole('region', { name: 'Programs' }).focus();
    await page.keyboard.press('ArrowRight');
    await eventually('the keyboard scrolls the table', () => page.evaluate(() => document.activeElement.scrollLeft > 0));
    colors.add(await background(page));
    await page.goto(`${stand.origin}/`);
    assert.equal(await tooWide(page), false, 'the landing page is wider than a narrow window');
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  }
  assert.equal(colors.size, 2, 'dark and light look the same');
}

async function testSaysWhenEventsDoNotArrive(page) {
  await page.route('**/metrics', async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, body: (await answer.text()).replace(/^cnproc_up 1$/m, 'cnproc_up 0') });
  });
  await eventually('it says that cnproc_up is 0', async () => /cnproc_up is 0/.test(await text(page, '#banner')));
  assert.equal(await text(page, '#lamp-word'), 'no events');
  await page.unroute('**/metrics');
  await eventually('it says so no longer', async () => !(await page.locator('#banner').isVisible()));
}

async function testSaysWhenNobodyAnswers(stand, page) {
  stand.exporter.kill();
  await once(stand.exporter, 'exit');
  await eventually('it says that nobody answers', async () => /does not answer/.test(await text(page, '#banner')));
  assert.equal(await text(page, '#lamp-word'), 'no answer');
}

async function drawScreenshot(stand) {
  const page = await stand.open('/live', { colorScheme: 'dark', viewport: { width: 1440, height: 1100 } });
  await sleep(45000);
  await page.screenshot({ path: screenshot, fullPage: true });
  await page.context().close();
}

const stand = new Stand();
try {
  await stand.start();
  if (screenshot) {
    await drawScreenshot(stand);
  } else {
    await testLandingPage(stand);
    await testBehindAPrefix(stand);
    await testSaysWhyATableIsEmpty(stand);
    await testWidthsAndSchemes(stand);
    const page = await stand.open('/live');
    await testNumbersMove(page);
    await testSaysWhatIsWhat(page);
    await testHostileNameIsText(page);
    await testKeyboard(page);
    await testSaysWhenEventsDoNotArrive(page);
    assert.deepEqual(page.complaints, []);
    await testSaysWhenNobodyAnswers(stand, page);
  }
} finally {
  await stand.stop();
}
