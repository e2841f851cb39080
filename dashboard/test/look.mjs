// Takes pictures of every room in every state, wide and narrow, light and dark, for a person to look at:
//
//   node test/look.mjs FOLDER [SCENE…]
//
// KAPELLE_DOCS_PICTURES=1 takes those of the guide as well; KAPELLE_LOOKS=hd-dark,narrow-light takes only these looks.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Browser, House } from './house.mjs';

const [folder = 'pictures', ...only] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const house = await House.open();
const browser = await Browser.open();
const WIDE = { viewport: { width: 1440, height: 900 } };
const NARROW = { viewport: { width: 390, height: 844 }, hasTouch: true };
const HD = { viewport: { width: 1920, height: 1080 } };
const QHD = { viewport: { width: 2560, height: 1440 } };
const wanted = process.env.KAPELLE_LOOKS?.split(',');
const LOOKS = [
  ['hd-dark', { colorScheme: 'dark', ...HD }],
  ['hd-light', { colorScheme: 'light', ...HD }],
  ['qhd-dark', { colorScheme: 'dark', ...QHD }],
  ['qhd-light', { colorScheme: 'light', ...QHD }],
  ['wide-dark', { colorScheme: 'dark', ...WIDE }],
  ['wide-light', { colorScheme: 'light', ...WIDE }],
  ['narrow-dark', { colorScheme: 'dark', ...NARROW }],
  ['narrow-light', { colorScheme: 'light', ...NARROW }],
].filter(([name]) => !wanted || wanted.includes(name));
const still = (page, ms = 400) => page.waitForTimeout(ms);

/** One scene in every look. `act` brings the page there, `options` are those of `browser.page`. */
async function scene(name, act, options = {}) {
  if (only.length && !only.some((one) => name.startsWith(one))) return;
  for (const [look, own] of LOOKS) {
    const page = await browser.page(house, { ...own, ...options });
    try {
      await act?.(page);
      await still(page);
      await page.screenshot({ path: join(folder, `${name}-${look}.png`) });
    } catch (error) {
      console.log(name, look, String(error).split('\n')[0]);
    }
    if (page.faults.length || page.elsewhere.length) console.log(name, look, page.faults, page.elsewhere);
    await page.context().close();
  }
}
const at = (hash) => ({ hash });
const chosen = (name) => async (page) => {
  await page.getByRole('option').filter({ hasText: name }).first().click();
  await still(page, 1200);
};

async function emptyRooms() {
  await scene('stage-empty');
  await scene('work-empty', null, at('/work'));
  await scene('console-empty', null, at('/console'));
}

/** A file with something to see in it. */
async function furnish() {
  await house.ask('POST', '/v1/instances', { app: 'blender' });
  await house.call('object.delete', { names: ['Cube'] });
  await house.call('object.create', { kind: 'plane', name: 'Floor', size: 7, location: [0, 0, -1] });
  await house.call('object.create', { kind: 'monkey', name: 'Bust', smooth: true, location: [0, 0, 0.2] });
  await house.call('material.create', {
    name: 'Brass',
    base_color: [0.78, 0.48, 0.12],
    metallic: 1,
    roughness: 0.25,
    object: 'Bust',
  });
  await house.call('object.create', {
    kind: 'torus',
    name: 'Ring',
    size: 1.6,
    location: [2, 0.6, -0.5],
    smooth: true,
  });
  await house.call('material.create', {
    name: 'Glaze',
    base_color: [0.05, 0.28, 0.45],
    roughness: 0.15,
    object: 'Ring',
  });
  await house.call('code.run', { code: "bpy.data.objects['Cubee']" });
  await house.call('object.create', {
    kind: 'sphere',
    name: 'Pearl',
    size: 0.9,
    location: [-1.9, -0.6, -0.55],
    smooth: true,
  });
  await house.call('light.create', {
    kind: 'area',
    name: 'Key',
    location: [3, -3, 5],
    look_at: [0, 0, 0],
    energy: 500,
    size: 3,
  });
  await house.call('camera.frame', {
    objects: ['Bust', 'Ring', 'Pearl'],
    side: 'three_quarter',
    margin: 0.15,
  });
  await house.call('code.run', { code: '[o.name for o in bpy.data.objects]' });
  await house.call('render.still', { width: 640, height: 400, samples: 24, engine: 'cycles' });
}

/** A job that ends well, and one that does not. */
async function jobs() {
  await house.job('good', '[1, 2, 3]');
  await house.ended((await house.job('doomed', '1/0', { retry: { max: 1, backoff_ms: 1 } })).call_id);
}

/** One call that runs for a while, and some that wait for it. */
async function keepBusy() {
  const code =
    'import time\nfor i in range(6000):\n    kapelle.progress(i/6000, f"frame {i} of 6000")\n    print("frame", i)\n    time.sleep(0.1)';
  const { call_id } = await house.call('code.run', { code }, { wait: false });
  for (const name of ['Late', 'Later'])
    await house.call('object.create', { kind: 'cube', name }, { wait: false });
  for (const name of ['first', 'second', 'third']) await house.job(name, '1');
  return () => house.ask('DELETE', `/v1/calls/${call_id}`);
}

async function fullRooms() {
  await scene('stage-full', async (page) => {
    await page.getByRole('button', { name: 'Last render' }).click();
    await still(page, 1500);
  });
  await scene('work-dead', chosen('doomed'), at('/work'));
  await scene(
    'work-edit',
    async (page) => {
      await chosen('doomed')(page);
      await page.getByRole('button', { name: 'Edit and retry' }).click();
    },
    at('/work'),
  );
  await scene(
    'console-form',
    async (page) => {
      await page.getByRole('button', { name: 'Command', exact: true }).click();
      await page.getByRole('combobox', { name: 'Command' }).fill('object.create');
      await page.keyboard.press('Enter');
      await page.getByText('Fill in the example').click();
      await page.getByText('Copy as curl').click();
    },
    at('/console'),
  );
  await scene('console-code', async (page) => {
    await page.goto(`${house.url}/#/console`);
    await page.locator('.code.ready').waitFor();
    await page.locator('.cm-content').click();
    await page.keyboard.insertText(
      'for object in bpy.data.objects:\n    print("found", object.name)\nlen(bpy.data.objects)',
    );
    await page.keyboard.press('Control+Enter');
    await page.getByText('Value', { exact: true }).waitFor();
  });
  await scene('stage-held', async (page) => {
    const first = page.getByRole('listitem').filter({ hasText: 'added Bust' });
    await first.getByRole('button', { name: /Revert/ }).click();
    await page.getByRole('dialog').waitFor();
  });
}

async function dialogs() {
  await scene('help', (page) => page.keyboard.press('?'));
  await scene('start', (page) => page.getByRole('button', { name: 'Start', exact: true }).click());
  await scene('install', async (page) => {
    await page.getByRole('button', { name: 'Install the add-on' }).click();
    await page.getByText('Looking for').waitFor({ state: 'detached' });
  });
}

async function busyRooms() {
  const end = await keepBusy();
  await new Promise((resolve) => setTimeout(resolve, 2500));
  await scene('stage-busy', null);
  await scene('work', null, at('/work'));
  await scene('work-running', chosen('Running'), at('/work'));
  await scene('work-queued', chosen('second'), at('/work'));
  await end();
}

async function troubledRooms() {
  const hold = (page) => page.route(/v1\/(calls|jobs|apps)/, () => undefined);
  const silent = (page) =>
    page.routeWebSocket(/ws$/, (socket) =>
      socket.send(
        JSON.stringify({ type: 'welcome', caller: 'x', scopes: [], version: '', epoch: 'e', seq: 0 }),
      ),
    );
  for (const room of ['stage', 'work', 'console'])
    await scene(`${room}-loading`, null, {
      ...at(`/${room}`),
      before: async (page) => {
        await hold(page);
        await silent(page);
      },
    });
  const problem = { code: 'store_failed', message: 'The jobs cannot be read.', hint: 'Look at the disk.' };
  await scene('work-error', null, {
    ...at('/work'),
    before: (page) => page.route(/v1\/jobs/, (route) => route.fulfill({ status: 503, json: problem })),
  });
  await scene('signed-out', (page) => page.getByRole('button', { name: 'Sign out' }).click());
  await scene('signed-out-late', async (page) => {
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.goto(`${house.url}/#key=00`);
    await page.reload();
    await page.getByText('This link was used already').waitFor();
  });
  for (const room of ['stage', 'work', 'console']) {
    await scene(
      `${room}-lost`,
      async (page) => {
        await still(page);
        await house.kill();
        await page.getByText('Disconnected').waitFor();
        await house.start();
      },
      { ...at(`/${room}`), before: (page) => page.route('**/v1/dashboard/session', lostAfterFirst()) },
    );
  }
}

/** Answers the first question for the session; after that nobody is there. */
function lostAfterFirst() {
  let left = 2;
  return (route) => (left-- > 0 ? route.continue() : route.abort());
}

async function forTheGuide() {
  const options = { colorScheme: 'dark', viewport: { width: 1180, height: 720 } };
  const page = await browser.page(house, options);
  await page.getByRole('button', { name: 'Hide', exact: true }).click();
  await page.waitForFunction(() => document.querySelector('figure img')?.naturalWidth > 100);
  await page.waitForTimeout(5000);
  await page.screenshot({ path: join(folder, 'dashboard-stage.png') });
  await page.goto(`${house.url}/#/console`);
  await page.locator('.code.ready').waitFor();
  await page.locator('.cm-content').click();
  await page.keyboard.insertText(
    'from math import cos, sin, tau\n\nfor i in range(8):\n    a = tau * i / 8\n    at = (3 * cos(a), 3 * sin(a), -0.7)\n    bpy.ops.mesh.primitive_ico_sphere_add(\n        radius=0.25, location=at)\n    print("pearl", i + 1)\n\nlen(bpy.data.objects)',
  );
  await page.keyboard.press('Control+Enter');
  await page.getByText('Value', { exact: true }).waitFor();
  await page.waitForTimeout(300);
  await page.screenshot({ path: join(folder, 'dashboard-console.png') });
  await page.context().close();
  await farmForTheGuide();
}

/** The list of work with a farm beside it, when it has some frames. */
async function farmForTheGuide() {
  const file = join(house.home, 'forest_sh0120.blend');
  const name = JSON.stringify(file);
  await house.call('code.run', {
    code: `bpy.context.scene.frame_end = 24\nbpy.ops.wm.save_as_mainfile(filepath=${name})`,
  });
  const args = { file, out: join(house.home, 'forest_sh0120'), workers: 2, width: 960, height: 600 };
  const { call_id } = await house.call(
    'render.farm',
    { ...args, engine: 'cycles', samples: 16 },
    { durable: true, wait: false },
  );
  const page = await browser.page(house, { colorScheme: 'dark', viewport: { width: 1640, height: 900 } });
  await page.evaluate((id) => (location.hash = `/work/${id}`), call_id);
  await page
    .getByText(/[2-9] of 24 frames/)
    .first()
    .waitFor({ timeout: 600_000 });
  await page.waitForFunction(() => document.querySelector('.near figure img')?.naturalWidth > 100);
  await page.locator('h2#work-title').evaluate((title) => title.blur());
  await page.screenshot({ path: join(folder, 'dashboard-work.png') });
  await page.context().close();
  await house.ask('DELETE', `/v1/jobs/${call_id}`);
  await house.ended(call_id);
}

try {
  await emptyRooms();
  await furnish();
  if (process.env.KAPELLE_DOCS_PICTURES) await forTheGuide();
  await jobs();
  await fullRooms();
  await dialogs();
  await busyRooms();
  await troubledRooms();
} finally {
  await browser.close();
  await house.close();
}
