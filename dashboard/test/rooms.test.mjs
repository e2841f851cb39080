// The rooms in a real browser, against the real binary; one flow drives a real Blender from start to revert.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { Browser, BINARY, House } from './house.mjs';
import { barriers, hurry, isQuiet, overflow } from './looks.mjs';

const run = promisify(execFile);
const NARROW = { viewport: { width: 320, height: 640 } };
const WIDE = { viewport: { width: 2560, height: 1440 } };

let house;
let browser;
before(async () => {
  house = await House.open();
  browser = await Browser.open();
});
after(async () => {
  await browser?.close();
  await house?.close();
});

describe('signing in', () => {
  it('takes a link once, keeps its secret nowhere, and signs out', async () => {
    const page = await browser.page(house);
    assert.equal(await page.evaluate(() => location.hash), '#/stage');
    const cookies = await page.context().cookies();
    assert.deepEqual(
      cookies.map(({ httpOnly, sameSite, path }) => [httpOnly, sameSite, path]),
      [[true, 'Strict', '/']],
    );
    assert.equal(await page.evaluate(() => document.cookie), '');
    await page.reload();
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('kapelle dashboard', { exact: true }).waitFor();
    await page.reload();
    await page.getByText('kapelle dashboard', { exact: true }).waitFor();
    assert.deepEqual(await barriers(page), []);
    await page.context().close();
  });

  it('says why a link does not work', async () => {
    const link = await house.link();
    const first = await browser.page(house);
    const context = await browser.chromium.newContext();
    const page = await context.newPage();
    await page.goto(link);
    await page.getByText('Live', { exact: true }).waitFor();
    const other = await browser.chromium.newContext();
    const late = await other.newPage();
    await late.goto(link);
    await late.getByText('This link has already been used, or is more than a minute old.').waitFor();
    await Promise.all([context.close(), other.close(), first.context().close()]);
  });
});

/** A name that is hard to write in any of the forms. */
const NAME = "Müller's “box” \\ 1";

/** How what is copied is run: where somebody would paste it. */
const WAYS = {
  curl: (text) => run('bash', ['-c', text]),
  CLI: (text) =>
    run('bash', ['-c', text], { env: { ...house.env, PATH: `${join(BINARY, '..')}:${process.env.PATH}` } }),
  Python: (text) => run('python3', ['-c', text]),
  TypeScript: (text) => {
    // What is written there is JavaScript as well.
    const file = join(house.home, 'snippet.mjs');
    writeFileSync(file, text);
    return run(process.execPath, [file]);
  },
  MCP: (text) => run('bash', ['-c', text]),
};

/** Copies the call in each form, runs it, and looks at the one call that the hub then has more. */
async function pasted(page, look) {
  for (const [form, paste] of Object.entries(WAYS)) {
    await page.getByRole('tab', { name: form, exact: true }).click();
    await page.getByRole('button', { name: /Cop/ }).first().click();
    const text = await page.evaluate(() => navigator.clipboard.readText());
    assert.ok(!text.includes(house.token), 'no token in it');
    const [before] = (await house.ask('GET', '/v1/calls?limit=1')).calls;
    const { stdout, stderr } = await paste(text);
    const { calls } = await house.ask('GET', '/v1/calls?limit=2');
    assert.equal(calls[1].call_id, before.call_id, `${form}: ${stdout} ${stderr}`);
    look(calls[0], form);
  }
}

describe('a Blender from start to revert', () => {
  it('is started, driven by code, seen, and taken back', async () => {
    const page = await browser.page(house, { permissions: ['clipboard-read', 'clipboard-write'] });
    await page.getByText('No program is connected').waitFor();
    const steps = page.getByRole('region', { name: 'First steps' }).getByRole('heading', { level: 3 });
    assert.deepEqual(await steps.allTextContents(), [
      'Get a program on stage',
      'Connect your agent',
      'Run something',
    ]);
    assert.deepEqual(await barriers(page), []);
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('hall');
    assert.deepEqual(await barriers(page), []);
    await dialog.getByRole('button', { name: 'Start' }).click();
    const card = page.getByRole('article', { name: 'hall' });
    await card.getByText('Idle').waitFor({ timeout: 120_000 });

    // Code, whose output comes while it runs.
    await card.getByRole('link', { name: 'Console' }).click();
    await page.locator('.code.ready').waitFor();
    await page.locator('.cm-content').click();
    await page.keyboard.insertText(
      'import time\nbpy.ops.mesh.primitive_monkey_add()\nfor i in range(3):\n    print("line", i)\n    time.sleep(0.4)\nbpy.context.object.name',
    );
    await page.keyboard.press('Control+Enter');
    const out = page.getByRole('region', { name: 'What came out' });
    await out.getByText('line 0').waitFor();
    assert.equal(await out.getByText('Value').count(), 0, 'it still runs when the first line is there');
    const past = page.getByRole('region', { name: 'Before' }).getByRole('listitem');
    assert.match(await past.textContent(), /running$/, 'what runs has no age');
    await out.getByText('Done').waitFor();
    await out.getByText('Suzanne', { exact: true }).waitFor();
    await out.getByText(/added Suzanne/).waitFor();
    assert.deepEqual(await barriers(page), []);

    await past.getByText(/now|ago/).waitFor();

    // On the stage it is in the feed, and the viewport shows it.
    await page.keyboard.press('Escape');
    await page.keyboard.press('g');
    await page.keyboard.press('s');
    const entry = page.getByRole('listitem').filter({ hasText: 'code.run' }).first();
    await entry.getByText('dashboard', { exact: true }).waitFor();
    const picture = page.getByAltText('Viewport of hall');
    await picture.waitFor();
    await page.waitForFunction(() => document.querySelector('figure img')?.naturalWidth > 100);
    const before = await picture.getAttribute('src');
    await entry.getByRole('button', { name: /Revert/ }).click();
    await entry.getByText('Reverted').waitFor();
    const names = await house.call('code.run', { code: '[o.name for o in bpy.data.objects]' });
    assert.ok(!names.value.includes('Suzanne'), names.value);
    // The picture follows.
    await page.waitForFunction(
      (old) => document.querySelector('figure img')?.getAttribute('src') !== old,
      before,
    );
    isQuiet(page);
    await page.context().close();
  });

  it('asks before more goes than was asked for', async () => {
    await house.call('object.create', { kind: 'cube', name: 'First' });
    await house.call('object.create', { kind: 'cube', name: 'Second' });
    const page = await browser.page(house);
    const first = page.getByRole('listitem').filter({ hasText: 'added First' });
    await first.getByRole('button', { name: /Revert/ }).click();
    const dialog = page.getByRole('dialog', { name: 'Later changes depend on this one' });
    await dialog
      .getByText(/added First.* is not the last change\. These came after it and would go too:/)
      .waitFor();
    await dialog.getByText(/added Second/).waitFor();
    assert.equal(await dialog.getByRole('listitem').count(), 1);
    assert.deepEqual(await barriers(page), []);
    await dialog.getByRole('button', { name: 'Revert all of it' }).click();
    await page.getByRole('listitem').filter({ hasText: 'added Second' }).getByText('Reverted').waitFor();
    const { value } = await house.call('object.list', {});
    assert.ok(!JSON.stringify(value).includes('"First"'));
    isQuiet(page);
    await page.context().close();
  });

  it('runs a command by its form, and writes it for elsewhere so that it works there', async () => {
    const page = await browser.page(house, {
      hash: '/console',
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    await page.getByRole('button', { name: 'Command', exact: true }).click();
    const field = page.getByRole('combobox', { name: 'Command' });
    await field.fill('object.create');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByText('This field is required.').waitFor();
    await page.getByLabel('kind').selectOption('cube');
    await page.getByLabel('size').fill('much');
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByText('“much” is no number.').waitFor();
    assert.deepEqual(await barriers(page), []);
    await page.getByLabel('size').fill('1,5');
    await page.getByLabel('location X').fill('3');
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByText('3 numbers are needed.').waitFor();
    await page.getByLabel('location Y').fill('0');
    await page.getByLabel('location Z').fill('-1');
    await page.getByLabel('name', { exact: true }).fill(NAME);
    await page.getByRole('button', { name: 'Run' }).click();
    const out = page.getByRole('region', { name: 'What came out' });
    await out.getByText('Done').waitFor();

    await page.getByText('Copy as curl').click();
    const asked = { command: 'object.create', args: { kind: 'cube', size: 1.5, location: [3, 0, -1] } };
    await pasted(page, ({ command, args, changes, status }, form) => {
      assert.deepEqual([command, status], [asked.command, 'succeeded'], form);
      const { name, ...rest } = args;
      assert.deepEqual([name, rest], [NAME, { ...rest, ...asked.args }], form);
      assert.ok(changes.added[0].name.startsWith(NAME), `${form}: ${JSON.stringify(changes)}`);
    });
    isQuiet(page);

    // What was run before fills the form again.
    await page.reload();
    await page.getByText('Live', { exact: true }).waitFor();
    const past = page.getByRole('button', { name: /object.create/ });
    assert.equal(await past.count(), 1, 'copying ran nothing');
    await past.click();
    assert.equal(await page.getByLabel('location X').inputValue(), '3');
    await page.context().close();
  });

  it('writes code for elsewhere so that it gives the same there', async () => {
    const page = await browser.page(house, {
      hash: '/console',
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    await page.locator('.code.ready').waitFor();
    await page.locator('.cm-content').click();
    await page.keyboard.insertText(`print("it's", '"$HOME"', "\\\\")\n[6 * 7, None, 'Zürich']`);
    await page.keyboard.press('Control+Enter');
    const out = page.getByRole('region', { name: 'What came out' });
    await out.getByText('Done').waitFor();
    const [here] = (await house.ask('GET', '/v1/calls?limit=1')).calls;
    assert.deepEqual([here.caller, here.value], ['dashboard', [42, null, 'Zürich']]);
    await page.getByText('Copy as curl').click();
    await pasted(page, ({ command, args, value, output, status }, form) =>
      assert.deepEqual(
        [command, args.code, value, output.stdout, status],
        [here.command, here.args.code, here.value, here.output.stdout, here.status],
        form,
      ),
    );
    isQuiet(page);
    await page.context().close();
  });

  it('makes a form of every command that Blender has', async () => {
    const { commands } = await house.ask('GET', '/v1/apps/blender/commands');
    assert.ok(commands.length > 50);
    const page = await browser.page(house, { hash: '/console' });
    await page.getByRole('button', { name: 'Command', exact: true }).click();
    const field = page.getByRole('combobox', { name: 'Command' });
    for (const command of commands) {
      await field.fill(command.name);
      await page.getByRole('option', { name: command.name }).first().waitFor();
      await page.keyboard.press('Enter');
      const names = Object.keys(command.args.properties ?? {});
      const shown = await page.locator('.fields label code').allTextContents();
      assert.deepEqual(shown.toSorted(), names.toSorted(), command.name);
      // The example, put into the form, means the same again.
      if (!Object.keys(command.example ?? {}).length) continue;
      await page.getByRole('button', { name: 'Fill in the example' }).click();
      if (!(await page.locator('details.as').getAttribute('open')) && command === commands[0])
        await page.getByText('Copy as curl').click();
      const text = await page.locator('#copy-text pre').textContent();
      const body = JSON.parse(/-d '(.*)'$/s.exec(text.trim())[1].replaceAll(`'\\''`, `'`));
      assert.deepEqual(body.args, command.example, command.name);
    }
    isQuiet(page);
    await page.context().close();
  });
});

describe('staying true', () => {
  it('shows work live, cancels it, and catches up after the hub was killed', async () => {
    const page = await browser.page(house, { hash: '/work' });
    const code =
      'import time\nfor i in range(600):\n    kapelle.progress(i/600, f"step {i}")\n    print("at", i)\n    time.sleep(0.05)';
    const running = house.call('code.run', { code }, { wait: false });
    const row = page.getByRole('option').filter({ hasText: 'Running' });
    await row.getByText(/step \d+/).waitFor();
    assert.deepEqual(await barriers(page), []);
    await row.click();
    await page
      .getByRole('log')
      .getByText(/at \d+/)
      .waitFor();
    await page.getByText(/left/).first().waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('option').filter({ hasText: 'Cancelled' }).first().waitFor();
    await running;

    await house.kill();
    await page.getByText('Disconnected').waitFor();
    await page.getByRole('alert').getByText('The hub is not responding.', { exact: false }).waitFor();
    assert.deepEqual(await barriers(page), []);
    await house.start();
    await page.getByText('Live', { exact: true }).waitFor();
    // The same page is still signed in; what happens from here on is told.
    await page.keyboard.press('Escape');
    await page.goto(`${house.url}/#/stage`);
    await page.getByRole('article', { name: 'hall' }).getByText('Idle').waitFor();
    await house.call('object.create', { kind: 'cone', name: 'After' });
    await page.getByText(/added After/).waitFor();
    await page.context().close();
  });

  it('says what is on its way, what could not be read, and looks again', async () => {
    const problem = { code: 'store_failed', message: 'The jobs cannot be read.', hint: 'Look at the disk.' };
    let answer;
    const held = new Promise((resolve) => (answer = resolve));
    const page = await browser.page(house, {
      hash: '/work',
      before: (page) =>
        page.route(/v1\/(jobs|calls)\?/, async (route) => {
          await held;
          if (route.request().url().includes('jobs')) await route.fulfill({ status: 503, json: problem });
          else await route.fulfill({ json: { since: new Date().toISOString(), calls: [] } });
        }),
    });
    await page.getByText('Asking the hub…').waitFor();
    assert.deepEqual(await barriers(page), []);
    answer();
    const alert = page.getByRole('alert');
    await alert.getByText('The jobs cannot be read. Look at the disk.').waitFor();
    await page.getByText('No work yet').waitFor();
    assert.deepEqual(await barriers(page), []);
    await page.unroute(/v1\/(jobs|calls)\?/);
    await page.getByRole('button', { name: 'Try again' }).click();
    await alert.waitFor({ state: 'detached' });
    await page.context().close();
  });

  it('goes on from its position when only the connection was lost', async () => {
    const sockets = [];
    const sent = [];
    const got = [];
    const page = await browser.page(house, {
      before: (page) =>
        page.routeWebSocket(/ws$/, (socket) => {
          const server = socket.connectToServer();
          socket.onMessage((text) => (sent.push(JSON.parse(text)), server.send(text)));
          server.onMessage((text) => (got.push(JSON.parse(text)), socket.send(text)));
          sockets.push({ socket, server });
        }),
    });
    await house.call('object.create', { kind: 'cube', name: 'Heard' });
    await page.getByText(/added Heard/).waitFor();
    // The line is cut, and nothing answers for a while.
    await page.route('**/v1/**', (route) => route.abort());
    await sockets[0].server.close();
    await sockets[0].socket.close();
    await page.getByText('Disconnected').waitFor();
    await house.call('object.create', { kind: 'cube', name: 'Missed' });
    got.length = 0;
    await page.unroute('**/v1/**');
    await hurry(page);
    await page.getByText(/added Missed/).waitFor();
    const again = sent.filter(({ type }) => type === 'subscribe').at(-1);
    assert.ok(again.epoch && again.since > 0, 'it named its position');
    assert.ok(!got.some(({ type }) => type === 'resync'), 'nothing had to be told anew');
    await page.context().close();
  });
});

describe('an app whose commands the hub runs itself', () => {
  it('has no code, no instances, and is driven from its list of commands', async () => {
    const page = await browser.page(house, { hash: '/console' });
    await page.getByLabel('Program').selectOption('comfyui');
    await page.getByRole('button', { name: /^workflow\.check/ }).waitFor();
    assert.equal(await page.getByLabel('Instance').count(), 0);
    assert.equal(await page.getByRole('group', { name: 'What to run' }).count(), 0);
    assert.deepEqual(await barriers(page), []);
    await page.getByRole('button', { name: /^workflow\.check/ }).click();
    await page.getByLabel('workflow').fill('{"1": {"class_type": "Nothing", "inputs": {}}}');
    await page.getByLabel('object_info').fill('{}');
    await page.getByRole('button', { name: 'Run' }).click();
    const out = page.getByRole('region', { name: 'What came out' });
    await out.getByText('Done').waitFor();
    await out.getByText(/missing_node_class/).waitFor();
    await page.goto(`${house.url}/#/stage`);
    const entry = page.getByRole('listitem').filter({ hasText: 'workflow.check' });
    await entry.getByText('not ok · 2 faults').waitFor();
    isQuiet(page);
    await page.context().close();
  });
});

describe('for everybody', () => {
  it('fills a wide window: what is looked at stands beside the list and follows it', async () => {
    const page = await browser.page(house, WIDE);
    const bottom = (selector) =>
      page.evaluate((of) => document.querySelector(of).getBoundingClientRect().bottom, selector);
    for (const [hash, lowest] of [
      ['/stage', '.feed'],
      ['/work', '.list'],
      ['/console', 'form.card'],
    ]) {
      await page.evaluate((to) => (location.hash = to), hash);
      await page.locator(lowest).waitFor();
      const left = WIDE.viewport.height - (await bottom(lowest));
      assert.ok(left > 0 && left < 64, `${hash}: ${left} pixels are left below`);
      assert.equal(await overflow(page), 0, hash);
      assert.deepEqual(await barriers(page), [], hash);
    }
    await page.evaluate(() => (location.hash = '/work'));
    const list = page.getByRole('listbox', { name: 'Work' });
    const near = page.getByRole('region').filter({ has: page.locator('#work-title') });
    const id = near.locator('dd.mono').first();
    await id.waitFor();
    const chosen = async () => (await page.getByRole('option', { selected: true }).getAttribute('id')) ?? '';
    assert.ok((await chosen()).endsWith(await id.textContent()), 'at first it is the first');
    await list.focus();
    for (const key of ['ArrowDown', 'ArrowDown', 'End', 'Enter', 'Home']) {
      if (key === 'Home') await list.focus();
      await page.keyboard.press(key);
      const wanted = /call_\w+$/.exec(await chosen())[0];
      await near.getByText(wanted, { exact: true }).waitFor();
      const part = await page.evaluate(() => location.hash);
      assert.equal(part, key === 'Enter' ? `#/work/${wanted}` : '#/work', key);
      const focus = await page.evaluate(() => document.activeElement.id || document.activeElement.role);
      assert.equal(focus, key === 'Enter' ? 'work-title' : 'listbox', key);
    }
    isQuiet(page);
    await page.context().close();
  });

  it('fits 320 pixels, light and dark, in every room', async () => {
    for (const colorScheme of ['light', 'dark']) {
      const page = await browser.page(house, { colorScheme, ...NARROW });
      for (const hash of ['/stage', '/work', '/console']) {
        await page.evaluate((to) => (location.hash = to), hash);
        await page.getByRole('heading', { level: 1 }).waitFor();
        assert.equal(await overflow(page), 0, `${hash} ${colorScheme}`);
        assert.deepEqual(await barriers(page), [], `${hash} ${colorScheme}`);
      }
      isQuiet(page);
      await page.context().close();
    }
  });

  it('is driven by the keyboard alone', async () => {
    const page = await browser.page(house);
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), 'Skip to the room');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'room');
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Shortcuts' }).waitFor();
    assert.deepEqual(await barriers(page), []);
    await page.keyboard.press('Escape');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'room', 'the focus is given back');
    await page.keyboard.press('g');
    await page.keyboard.press('w');
    await page.getByRole('heading', { name: 'Work', level: 1 }).waitFor();
    await page.getByRole('listbox', { name: 'Work' }).focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    const chosen = page.getByRole('option', { selected: true });
    assert.equal(await chosen.getAttribute('aria-posinset'), '2');
    await page.keyboard.press('Enter');
    await page.locator('#work-title').waitFor();
    await page.keyboard.press('t');
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'light');
    await page.keyboard.press('/');
    await page.keyboard.type('revert');
    await page.waitForFunction(() => document.querySelectorAll('[role=option]').length < 5);
    isQuiet(page);
    await page.context().close();
  });

  it('keeps every look of the person', async () => {
    const page = await browser.page(house, { colorScheme: 'light' });
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    await page.emulateMedia({ colorScheme: 'dark' });
    assert.notEqual(await ground(), light);
    await page.getByRole('button', { name: /Looks/ }).click();
    assert.equal(await ground(), light, 'chosen light counts more than the dark system');
    await page.reload();
    await page.getByText('Live', { exact: true }).waitFor();
    assert.equal(await ground(), light);
    await page.context().close();
  });
});
