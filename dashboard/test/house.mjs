// A real hub of the binary under test, in a home of its own, and a browser that is signed in to it.
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';

const run = promisify(execFile);
export const BINARY = process.env.KAPELLE_TEST_BINARY;
const CHROMIUM = process.env.KAPELLE_TEST_CHROMIUM ?? '/usr/bin/chromium';
/** Nothing but what the page asks for goes over the net. */
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A folder with a built page, to try a change of it without building the binary: KAPELLE_TEST_PAGE=dist. */
const PAGE = process.env.KAPELLE_TEST_PAGE;

/** The file of that folder with the headers that the hub gives its own. */
async function fromFolder(route) {
  const name = new URL(route.request().url()).pathname.slice(1) || 'index.html';
  const index = await route.fetch({ url: new URL('/', route.request().url()).href });
  const contentType = { html: 'text/html', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' };
  await route.fulfill({
    path: join(PAGE, name),
    headers: {
      'content-security-policy': index.headers()['content-security-policy'],
      'content-type': contentType[name.split('.').at(-1)] ?? 'application/octet-stream',
    },
  });
}

/** Calls of one batch: the hub takes no more. */
const BATCH = 1000;

/** Patience, in milliseconds; nothing is measured by it. */
export const PATIENCE = 60_000;

export class House {
  /** `more`: what else stands in its environment. */
  static async open(more = {}) {
    const house = new House();
    house.home = mkdtempSync(join(tmpdir(), 'kapelle-dashboard-'));
    house.env = { ...process.env, KAPELLE_HOME: house.home };
    if (process.env.KAPELLE_TEST_BPY45) house.env.KAPELLE_BLENDER = process.env.KAPELLE_TEST_BPY45;
    Object.assign(house.env, more);
    await house.start('127.0.0.1:0');
    return house;
  }

  /** Starts the hub; again at the same address when it was killed. */
  async start(listen = new URL(this.url).host) {
    this.hub = spawn(BINARY, ['serve', '--json', '--listen', listen], {
      env: this.env,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [line] = await new Promise((resolve, reject) => {
      this.hub.stdout.once('data', (bytes) => resolve(String(bytes).split('\n')));
      this.hub.once('exit', (code) => reject(new Error(`the hub ended with ${code}`)));
    });
    this.url = JSON.parse(line).url;
    this.token = readFileSync(join(this.home, 'tokens/owner'), 'utf8').trim();
  }

  kill() {
    const ended = new Promise((resolve) => this.hub.once('exit', resolve));
    this.hub.kill('SIGKILL');
    return ended;
  }

  async close() {
    const ended = new Promise((resolve) => this.hub.once('exit', resolve));
    if (this.hub.exitCode === null && this.hub.signalCode === null) {
      this.hub.kill('SIGTERM');
      await ended;
    }
    rmSync(this.home, { recursive: true, force: true });
  }

  async cli(...words) {
    const { stdout } = await run(BINARY, words, { env: this.env });
    return stdout;
  }

  async ask(method, path, body) {
    const headers = { Authorization: `Bearer ${this.token}`, 'Content-Type': 'application/json' };
    const response = await fetch(this.url + path, { method, headers, body: body && JSON.stringify(body) });
    return response.json();
  }

  call(command, args, more = {}) {
    return this.ask('POST', '/v1/calls', { app: 'blender', command, args, ...more });
  }

  /** Code as a job of that label; it is not waited for. */
  job(name, code, more = {}) {
    return this.call('code.run', { code }, { durable: true, wait: false, labels: { name }, ...more });
  }

  /** So many jobs that wait for a Blender which is not there; `shot` labels each by its number. */
  async fill(count, shot) {
    for (let first = 0; first < count; first += BATCH) {
      const calls = Array.from({ length: Math.min(BATCH, count - first) }, (_, at) => ({
        app: 'blender',
        command: 'scene.get',
        args: {},
        labels: { shot: shot(first + at) },
      }));
      const batch = await this.ask('POST', '/v1/batches', { calls, durable: 'journal', wait: false });
      if (batch.status !== 'running') throw new Error(JSON.stringify(batch).slice(0, 500));
    }
  }

  /** The labels of jobs that wait, in the order in which they will run. */
  async waiting() {
    const { jobs } = await this.ask('GET', '/v1/jobs?status=queued&order=queue&limit=1000');
    return jobs.map(({ labels }) => labels.name);
  }

  /** A call or a job when it has ended. */
  async ended(id) {
    for (;;) {
      const call = await this.ask('GET', `/v1/calls/${id}?wait_ms=30000`);
      if (!['queued', 'leased', 'running'].includes(call.status)) return call;
    }
  }

  /** The address that signs one browser in. */
  async link() {
    return (await this.cli('dashboard', '--print')).trim();
  }
}

export class Browser {
  static async open() {
    const browser = new Browser();
    browser.chromium = await chromium.launch({
      executablePath: CHROMIUM,
      // A page that came from a folder is from nowhere, and could not reach this machine.
      args: PAGE ? [...QUIET, '--disable-features=LocalNetworkAccessChecks'] : QUIET,
    });
    return browser;
  }

  /** A page that is signed in; what it says on its console, and what it asked elsewhere, is kept. */
  async page(house, { hash = '/stage', before, ...options } = {}) {
    const context = await this.chromium.newContext({ viewport: { width: 1360, height: 860 }, ...options });
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    page.faults = [];
    page.elsewhere = [];
    page.on('console', (message) => {
      if (message.type() === 'error') page.faults.push(message.text());
    });
    page.on('pageerror', (error) => page.faults.push(String(error)));
    page.on('request', (request) => {
      if (!request.url().startsWith(house.url) && !request.url().startsWith(house.url.replace('http', 'ws')))
        page.elsewhere.push(request.url());
    });
    if (PAGE) await page.route(({ pathname }) => /^\/(assets\/.*)?$/.test(pathname), fromFolder);
    await before?.(page);
    await page.goto(await house.link());
    await page.getByText('Live', { exact: true }).waitFor();
    if (hash !== '/stage') await page.evaluate((to) => (location.hash = to), hash);
    return page;
  }

  close() {
    return this.chromium.close();
  }
}
