// The stage with real Blenders: undo, stop, how long something is as it is, and the add-on put into a Blender.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, it } from 'node:test';
import { Browser, House } from './house.mjs';
import { barriers, isQuiet } from './looks.mjs';

const BLENDER = process.env.KAPELLE_TEST_BLENDER;
/** A cold Blender starts twice when an add-on is put into it, in milliseconds. */
const INSTALL_PATIENCE = 240_000;

let house;
let browser;
let user;
before(async () => {
  // A user who has never started Blender.
  user = mkdtempSync(join(tmpdir(), 'kapelle-user-'));
  const own = {
    HOME: user,
    XDG_CONFIG_HOME: join(user, '.config'),
    PATH: `${dirname(BLENDER)}:${process.env.PATH}`,
  };
  const others = Object.keys(process.env).filter((name) => name.startsWith('BLENDER_'));
  house = await House.open({ ...Object.fromEntries(others.map((name) => [name, ''])), ...own });
  browser = await Browser.open();
  await house.ask('POST', '/v1/instances', { app: 'blender', name: 'hall' });
});
after(async () => {
  await browser?.close();
  await house?.close();
  if (user) rmSync(user, { recursive: true, force: true });
});

const objects = async () => {
  const { value } = await house.call('code.run', { code: 'sorted(o.name for o in bpy.data.objects)' });
  return value;
};

it('undoes the last step, whoever made it', async () => {
  const page = await browser.page(house);
  const card = page.getByRole('article', { name: 'hall' });
  const first = await objects();
  await house.call('object.create', { kind: 'cube', name: 'Kept' });
  await house.call('object.create', { kind: 'cube', name: 'Undone' });
  assert.ok((await objects()).includes('Undone'));
  await page.getByText('added Undone').waitFor();
  await card.getByRole('button', { name: 'Undo' }).click();
  await page.getByText(/^Reverted: .*object\.create/).waitFor();
  const entry = page.getByRole('listitem').filter({ hasText: 'added Undone' });
  await entry.getByText('Reverted', { exact: true }).waitFor();
  assert.deepEqual(await objects(), [...first, 'Kept'].sort());
  isQuiet(page);
  await page.context().close();
});

it('offers the versions that there are to start', async () => {
  const page = await browser.page(house);
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  const version = page.getByRole('dialog', { name: 'Start a program' }).getByLabel('Version');
  const offered = version.getByRole('option');
  await offered.filter({ hasText: BLENDER }).waitFor({ state: 'attached' });
  const texts = await offered.allTextContents();
  assert.match(texts.find((text) => text.includes(BLENDER)) ?? '', /^Blender \d+\.\d/, texts.join());
  assert.ok(
    texts.some((text) => text.includes('as a Python module')),
    texts.join(),
  );
  await page.getByLabel('With its window').click();
  const left = await offered.allTextContents();
  assert.ok(!left.some((text) => text.includes('as a Python module')), 'a module has no window');
  isQuiet(page);
  await page.context().close();
});

it('says how long an instance has been idle, whatever pictures are taken of it', async () => {
  const { since } = await house.ask('GET', '/v1/instances/hall');
  await house.call('object.create', { kind: 'sphere', name: 'Seen' });
  const idle = await house.ask('GET', '/v1/instances/hall');
  assert.notEqual(idle.since, since, 'a call of somebody is work');
  const page = await browser.page(house);
  await page.getByAltText('Viewport of hall').waitFor();
  await page.waitForFunction(() => document.querySelector('figure img')?.naturalWidth > 100);
  const after = await house.ask('GET', '/v1/instances/hall');
  assert.deepEqual([after.state, after.since], ['idle', idle.since]);
  isQuiet(page);
  await page.context().close();
});

it('puts the add-on into a Blender, which reaches the hub', async () => {
  const page = await browser.page(house);
  await page.getByRole('button', { name: 'Install the add-on' }).click();
  const dialog = page.getByRole('dialog', { name: 'Install the add-on' });
  const one = dialog.getByRole('listitem').filter({ hasText: BLENDER });
  await one.getByRole('button', { name: 'Install' }).waitFor({ timeout: INSTALL_PATIENCE });
  assert.deepEqual(await barriers(page), []);
  await one.getByRole('button', { name: 'Install' }).click();
  await one.getByText('Installed and connected to the hub').waitFor({ timeout: INSTALL_PATIENCE });
  assert.deepEqual(await barriers(page), []);
  const config = join(user, '.config/blender');
  const places = ['scripts/addons/kapelle', 'extensions/user_default/kapelle'];
  const found = readdirSync(config).flatMap((version) => places.map((place) => join(config, version, place)));
  assert.equal(found.filter((path) => existsSync(join(path, 'bridgekit/link.py'))).length, 1, found.join());
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), 'Install the add-on');
  isQuiet(page);
  await page.context().close();
});

it('stops an instance, when that is meant', async () => {
  // The Blender that showed that the add-on works may have had to be ended by force: then it is still listed, as lost.
  const { instances } = await house.ask('GET', '/v1/instances');
  for (const { name } of instances.filter((one) => one.name !== 'hall')) {
    await house.ask('DELETE', `/v1/instances/${name}`);
  }
  const page = await browser.page(house);
  const card = page.getByRole('article', { name: 'hall' });
  await card.getByRole('button', { name: 'Stop hall' }).click();
  await page.getByRole('dialog', { name: 'Stop hall?' }).getByRole('button', { name: 'Leave it' }).click();
  assert.equal((await house.ask('GET', '/v1/instances/hall')).state, 'idle');
  await card.getByRole('button', { name: 'Stop hall' }).click();
  assert.deepEqual(await barriers(page), []);
  await page.getByRole('dialog').getByRole('button', { name: 'Stop it' }).click();
  await page.getByText('hall has stopped.').waitFor();
  await card.waitFor({ state: 'detached' });
  await page.getByText('No program is connected').waitFor();
  assert.deepEqual((await house.ask('GET', '/v1/instances')).instances, []);
  isQuiet(page);
  await page.context().close();
});
