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
  await house.call('object.create', { kind: 'monkey', location: [0, 0, 1] });
  await house.call('material.create', { name: 'Brass' });
  await house.call('material.set', {
    name: 'Brass',
    color: [0.8, 0.5, 0.1, 1],
    metallic: 0.9,
    roughness: 0.3,
  });
  await house.call('material.assign', { material: 'Brass', objects: ['Suzanne'] });
  await house.call('object.create', { kind: 'torus', name: 'Ring', location: [2.4, 0, 0.4] });
  await house.call('code.run', { code: 'import bpy\n[o.name for o in bpy.data.objects]' });
  await house.call('code.run', { code: 'bpy.data.objects["Cubee"]' });
  await house.call('object.transform', { name: 'Ring', rotation: [40, 10, 0] });
  await house.call('render.still', { width: 480, height: 320, samples: 8, engine: 'cycles' });
  void house.call('code.run', {
    code: 'import time\nfor i in range(300):\n    kapelle.progress(i/300, f"frame {i} of 300")\n    print("frame", i)\n    time.sleep(0.1)',
  });
  await new Promise((resolve) => setTimeout(resolve, 2500));
  void house.call('object.create', { kind: 'cube' });
  void house.call('render.still', { width: 480, height: 320, samples: 8 });

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
