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

/** Patience, in milliseconds; nothing is measured by it. */
export const PATIENCE = 60_000;

export class House {
  static async open() {
    const house = new House();
    house.home = mkdtempSync(join(tmpdir(), 'kapelle-dashboard-'));
    house.env = { ...process.env, KAPELLE_HOME: house.home };
    if (process.env.KAPELLE_TEST_BPY45) house.env.KAPELLE_BLENDER = process.env.KAPELLE_TEST_BPY45;
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

  /** The address that signs one browser in. */
  async link() {
    return (await this.cli('dashboard', '--print')).trim();
  }
}

export class Browser {
  static async open() {
    const browser = new Browser();
    browser.chromium = await chromium.launch({ executablePath: CHROMIUM, args: QUIET });
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
