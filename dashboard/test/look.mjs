// Takes pictures of every room, wide and narrow, light and dark, for a person to look at: node test/look.mjs FOLDER
import { mkdirSync } from 'node:fs';
import { Browser, House } from './house.mjs';

const folder = process.argv[2] ?? 'pictures';
mkdirSync(folder, { recursive: true });
const house = await House.open();
const browser = await Browser.open();
const shot = (page, name) => page.screenshot({ path: `${folder}/${name}.png` });
const WIDE = { viewport: { width: 1360, height: 860 } };
const NARROW = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 1.5, hasTouch: true };

try {
  let page = await browser.page(house, { colorScheme: 'dark', ...WIDE });
  await page.waitForTimeout(400);
  await shot(page, 'stage-empty-dark');
  await page.goto(`${house.url}/#/work`);
  await page.waitForTimeout(300);
  await shot(page, 'work-empty-dark');
  await page.goto(`${house.url}/#/console`);
  await page.waitForTimeout(300);
  await shot(page, 'console-empty-dark');
  await page.context().close();

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
  const { calls } = await house.ask('GET', '/v1/calls?limit=30');
  for (const { command, problem } of calls) if (problem) console.log(command, problem.message);

  if (process.env.KAPELLE_DOCS_PICTURES) {
    page = await browser.page(house, { colorScheme: 'dark', viewport: { width: 1180, height: 720 } });
    await page.waitForFunction(() => document.querySelector('figure img')?.naturalWidth > 100);
    await page.waitForTimeout(5000);
    await shot(page, 'dashboard-stage');
    await page.goto(`${house.url}/#/console`);
    await page.locator('.code.ready').waitFor();
    await page.locator('.cm-content').click();
    await page.keyboard.insertText(
      'from math import cos, sin, tau\n\nfor i in range(8):\n    a = tau * i / 8\n    at = (3 * cos(a), 3 * sin(a), -0.7)\n    bpy.ops.mesh.primitive_ico_sphere_add(\n        radius=0.25, location=at)\n    print("pearl", i + 1)\n\nlen(bpy.data.objects)',
    );
    await page.keyboard.press('Control+Enter');
    await page.getByText('Value', { exact: true }).waitFor();
    await page.waitForTimeout(300);
    await shot(page, 'dashboard-console');
    await page.context().close();
  }

  void house
    .call('code.run', {
      code: 'import time\nfor i in range(300):\n    kapelle.progress(i/300, f"frame {i} of 300")\n    print("frame", i)\n    time.sleep(0.1)',
    })
    .catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 2500));
  void house
    .call('object.create', { kind: 'cube', name: 'Late', location: [0, 3, 0] })
    .catch(() => undefined);
  void house
    .call('render.still', { width: 320, height: 200, samples: 4, engine: 'cycles' })
    .catch(() => undefined);

  for (const [scheme, size, options] of [
    ['dark', 'wide', WIDE],
    ['light', 'wide', WIDE],
    ['dark', 'narrow', NARROW],
    ['light', 'narrow', NARROW],
  ]) {
    page = await browser.page(house, { colorScheme: scheme, ...options });
    await page.waitForTimeout(1500);
    await shot(page, `stage-busy-${size}-${scheme}`);
    await page.goto(`${house.url}/#/work`);
    await page.waitForTimeout(600);
    await shot(page, `work-${size}-${scheme}`);
    await page.getByRole('option').first().click();
    await page.waitForTimeout(1200);
    await shot(page, `work-near-${size}-${scheme}`);
    await page.goto(`${house.url}/#/console`);
    await page.getByRole('button', { name: 'Command', exact: true }).click();
    await page.getByRole('combobox', { name: 'Command' }).fill('object.create');
    await page.keyboard.press('Enter');
    await page.getByText('Fill in the example').click();
    await page.getByText('Copy as curl').click();
    await page.waitForTimeout(300);
    await shot(page, `console-form-${size}-${scheme}`);
    console.log(scheme, size, page.faults, page.elsewhere);
    await page.context().close();
  }
  for (const { call_id, status } of (await house.ask('GET', '/v1/calls?limit=20')).calls)
    if (status === 'running') await house.ask('DELETE', `/v1/calls/${call_id}`);

  page = await browser.page(house, { colorScheme: 'dark', ...WIDE });
  await page.waitForTimeout(6000);
  await shot(page, 'stage-full-dark');
  await page.goto(`${house.url}/#/console`);
  await page.locator('.code.ready').waitFor();
  await page.locator('.cm-content').click();
  await page.keyboard.insertText(
    'import time\nfor name in [o.name for o in bpy.data.objects]:\n    print("found", name)\n    time.sleep(0.05)\nlen(bpy.data.objects)',
  );
  await page.keyboard.press('Control+Enter');
  await page.getByText('Value', { exact: true }).waitFor();
  await page.waitForTimeout(300);
  await shot(page, 'console-code-dark');
  await page.keyboard.press('Escape');
  await page.goto(`${house.url}/#/stage`);
  await page.waitForTimeout(500);
  await page.keyboard.press('?');
  await page.waitForTimeout(300);
  await shot(page, 'help-dark');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await page.waitForTimeout(300);
  await shot(page, 'start-dark');
  await page.keyboard.press('Escape');
  console.log(page.faults, page.elsewhere);
  await house.kill();
  await page.getByText('Disconnected').waitFor();
  await page.waitForTimeout(300);
  await shot(page, 'stage-lost-dark');
  await house.start();
  await page.getByText('Live', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForTimeout(400);
  await shot(page, 'signed-out-dark');
} finally {
  await browser.close();
  await house.close();
}
