// A render farm as the page shows it: real frames of real workers, the last picture, and a second try that goes on.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { Browser, House } from './house.mjs';
import { barriers, isQuiet } from './looks.mjs';

/** Frames of some tenths of a second, so that there is something to see. */
const FRAMES = 8;
/** A name that is cut where it is narrow. */
const SHOT = 'sequence_040_shot_0120_lighting.blend';
const SIZE = { width: 160, height: 120, engine: 'cycles', samples: 80 };

let house;
let browser;
let farm;
before(async () => {
  house = await House.open();
  browser = await Browser.open();
  await house.ask('POST', '/v1/instances', { app: 'blender', name: 'maker' });
  const file = join(house.home, SHOT);
  const made = await house.call('code.run', {
    code: `scene = bpy.context.scene
scene.frame_start, scene.frame_end = 1, ${FRAMES}
scene.cycles.use_adaptive_sampling = False
bpy.ops.wm.save_as_mainfile(filepath=${JSON.stringify(file)})`,
  });
  assert.equal(made.status, 'succeeded', JSON.stringify(made));
  await house.ask('DELETE', '/v1/instances/maker');
  farm = (more) =>
    house.call(
      'render.farm',
      { file, out: join(house.home, 'frames'), workers: 2, chunk: 1, ...SIZE, ...more },
      { durable: true, wait: false },
    );
});
after(async () => {
  await browser?.close();
  await house?.close();
});

it('shows who renders which frame, the last picture, and how long it still takes', async () => {
  const page = await browser.page(house, { hash: '/work' });
  const { call_id } = await farm();
  await page.getByRole('option').filter({ hasText: 'render.farm' }).click();
  const near = page.getByRole('region', { name: 'render.farm' });
  await near.getByRole('heading', { name: 'Workers' }).waitFor();
  await near
    .getByText(/^frame \d+$/)
    .first()
    .waitFor();
  await near.getByText(/\d+ % · [1-9] of 8 frames/).waitFor();
  const picture = near.getByAltText('Last picture of render.farm');
  await picture.waitFor();
  await page.waitForFunction(() => document.querySelector('.near figure img')?.naturalWidth === 160);
  await near.getByText(/frame_000\d\.png/).waitFor();
  // One piece of work, here and in the list of rooms, and one card for its workers on the stage.
  await page.getByRole('button', { name: /^Under way 1$/ }).waitFor();
  assert.match(await page.getByRole('link', { name: /^Work/ }).textContent(), /\b1 under way/);
  const stage = await browser.page(house, { viewport: { width: 390, height: 844 } });
  await stage.getByRole('article', { name: `Workers of ${SHOT}` }).waitFor();
  assert.equal(await stage.getByRole('article').count(), 1);
  // Workers are told apart by how their names end, which nothing stands on.
  const ends = stage.locator('article li .end');
  await ends.nth(1).waitFor();
  assert.deepEqual((await ends.allTextContents()).map((end) => end.slice(-2)).sort(), ['-1', '-2']);
  for (const end of await ends.all()) {
    const [own, next] = await end.evaluate((one) => [
      one.getBoundingClientRect().right,
      one.closest('li').children[1].getBoundingClientRect().left,
    ]);
    assert.ok(own <= next, `a name ends at ${own}, and what stands beside it begins at ${next}`);
  }
  await stage.context().close();
  assert.deepEqual(await barriers(page), []);
  const { progress } = await house.ask('GET', `/v1/jobs/${call_id}`);
  assert.equal(progress.details.workers.length, 2, JSON.stringify(progress));

  // Cancelled, it keeps what is finished; tried again, it goes on from there and ends with a contact sheet.
  await near.getByRole('button', { name: 'Cancel', exact: true }).click();
  await near.getByText('Cancelled', { exact: true }).first().waitFor();
  await near.getByRole('button', { name: 'Retry', exact: true }).click();
  await page.getByText('Queued again.').waitFor();
  const ended = await house.ended(call_id);
  assert.equal(ended.status, 'succeeded', JSON.stringify(ended));
  const { rendered, skipped, frames } = ended.value;
  assert.ok(skipped > 0 && rendered > 0 && rendered + skipped === frames, JSON.stringify(ended.value));
  await near.getByText('Done', { exact: true }).first().waitFor();
  await page.waitForFunction(() => document.querySelector('.near figure img')?.naturalWidth > 1000);
  await near.getByText(`"frames": ${FRAMES}`).waitFor();
  isQuiet(page);
  await page.context().close();
});

it('says why a farm could not begin, and takes other arguments', async () => {
  const page = await browser.page(house, { hash: '/work' });
  const { call_id } = await farm({ file: join(house.home, 'nothing.blend') });
  await house.ended(call_id);
  await page.goto(`${house.url}/#/work/${call_id}`);
  const near = page.getByRole('region', { name: 'render.farm' });
  await near
    .getByText(/nothing\.blend/)
    .first()
    .waitFor();
  await near.getByRole('button', { name: 'Edit and retry' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: /^file/ }).fill(join(house.home, SHOT));
  await dialog.getByRole('button', { name: 'Save and retry' }).click();
  await dialog.waitFor({ state: 'detached' });
  const ended = await house.ended(call_id);
  assert.deepEqual([ended.status, ended.value.skipped], ['succeeded', FRAMES], JSON.stringify(ended));
  await near.getByText('Done', { exact: true }).first().waitFor();
  // The sheets of both farms are on the stage, as large as its width lets them be.
  await page.setViewportSize({ width: 1920, height: 1080 });
  await page.goto(`${house.url}/#/stage`);
  const pictures = page.getByRole('region', { name: 'Latest pictures' }).getByRole('img');
  await pictures.nth(1).waitFor();
  const widths = await pictures.evaluateAll((all) => all.map((one) => one.clientWidth));
  assert.ok(widths.length === 2 && widths.every((width) => width > 400), widths.join());
  await page.waitForFunction(() =>
    [...document.querySelectorAll('section img[alt="What render.farm gave"]')].every(
      (one) => one.naturalWidth > 1000,
    ),
  );
  assert.deepEqual(await barriers(page), []);
  isQuiet(page);
  await page.context().close();
});
