// Each control of Work against a real hub with real jobs in a real Blender: what it does is looked up at the hub.
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { Browser, House } from './house.mjs';
import { barriers, isQuiet } from './looks.mjs';

let house;
let browser;
before(async () => {
  house = await House.open();
  browser = await Browser.open();
  const started = await house.ask('POST', '/v1/instances', { app: 'blender', name: 'hall' });
  assert.equal(started.state, 'idle', JSON.stringify(started));
});
after(async () => {
  await browser?.close();
  await house?.close();
});

const row = (page, name) => page.getByRole('option').filter({ hasText: `name: ${name}` });
const near = (page) => page.getByRole('region', { name: 'code.run' });
const open = async () => {
  // Whatever the test before has left.
  await house.ask('POST', '/v1/jobs/queue', { app: 'blender', paused: false, drain: false });
  const page = await browser.page(house, { hash: '/work' });
  await page.getByRole('group', { name: 'The queue of Blender' }).waitFor();
  return page;
};
const button = (page, name) => near(page).getByRole('button', { name, exact: true });

/** The labels of the rows, from the top on, are these: there, and at the hub. */
async function stand(page, names) {
  await page.waitForFunction((wanted) => {
    const options = [...document.querySelectorAll('[role=option]')];
    const shown = options.map((one) => /name: (\w+)/.exec(one.textContent)?.[1]);
    return shown.slice(0, wanted.length).join() === wanted.join();
  }, names);
  assert.deepEqual(await house.waiting(), names);
}

it('moves jobs and changes how urgent they are, and they run in that order', async () => {
  const page = await open();
  await page.getByRole('button', { name: 'Pause the queue' }).click();
  await page.getByText('Paused: no job is handed out').waitFor();
  await house.call('code.run', { code: 'ran = []' });
  for (const name of ['a', 'b', 'c', 'd']) await house.job(name, `ran.append(${JSON.stringify(name)})`);
  await stand(page, ['a', 'b', 'c', 'd']);
  await row(page, 'd').click();
  await near(page).getByText('the queue of blender is paused').waitFor();
  await button(page, 'One up').click();
  await stand(page, ['a', 'b', 'd', 'c']);
  // By the keyboard several times, without losing the button.
  await button(page, 'One up').focus();
  await page.keyboard.press('Enter');
  await stand(page, ['a', 'd', 'b', 'c']);
  await page.keyboard.press('Enter');
  await stand(page, ['d', 'a', 'b', 'c']);
  assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), 'One up');
  assert.equal(await button(page, 'One up').getAttribute('aria-disabled'), 'true', 'it is the first');
  await button(page, 'One down').click();
  await stand(page, ['a', 'd', 'b', 'c']);
  await button(page, 'Last').click();
  await stand(page, ['a', 'b', 'c', 'd']);
  assert.equal(await button(page, 'One down').getAttribute('aria-disabled'), 'true');
  await button(page, 'First').click();
  await stand(page, ['d', 'a', 'b', 'c']);
  await row(page, 'c').click();
  await near(page).getByLabel('Priority').selectOption('9');
  await stand(page, ['c', 'd', 'a', 'b']);
  await row(page, 'a').click();
  await near(page).getByLabel('Priority').selectOption('0');
  await stand(page, ['c', 'd', 'b', 'a']);
  assert.deepEqual(await barriers(page), []);
  await page.getByRole('button', { name: 'Resume the queue' }).click();
  for (const name of ['a', 'b', 'c', 'd']) await row(page, name).getByText('Done', { exact: true }).waitFor();
  const { value } = await house.call('code.run', { code: 'ran' });
  assert.deepEqual(value, ['c', 'd', 'b', 'a']);
  isQuiet(page);
  await page.context().close();
});

it('pauses one job and lets it go on, while others pass', async () => {
  const page = await open();
  await page.getByRole('button', { name: 'Pause the queue' }).click();
  await page.getByText('Paused: no job is handed out').waitFor();
  const held = await house.job('held', '"held"');
  const other = await house.job('other', '"other"');
  await row(page, 'held').click();
  await button(page, 'Pause').click();
  await near(page).getByText('it is paused').waitFor();
  await page.getByRole('button', { name: 'Resume the queue' }).click();
  assert.equal((await house.ended(other.call_id)).value, 'other');
  assert.deepEqual(await house.waiting(), ['held']);
  await row(page, 'held').getByText('paused', { exact: true }).waitFor();
  await button(page, 'Resume').click();
  assert.equal((await house.ended(held.call_id)).value, 'held');
  await near(page).getByText('Done', { exact: true }).waitFor();
  isQuiet(page);
  await page.context().close();
});

it('drains: what is there runs, nothing new is taken', async () => {
  const page = await open();
  await page.getByRole('button', { name: 'Pause the queue' }).click();
  await page.getByText('Paused: no job is handed out').waitFor();
  const inside = await house.job('inside', '"inside"');
  await page.getByRole('button', { name: 'Drain the queue' }).click();
  await page.getByText('Paused: no job is handed out · Draining: no new job is taken').waitFor();
  const refused = await house.job('outside', '1');
  assert.ok(refused.code && !refused.call_id, JSON.stringify(refused));
  await page.getByRole('button', { name: 'Resume the queue' }).click();
  assert.equal((await house.ended(inside.call_id)).value, 'inside');
  await page.getByText('Draining: no new job is taken', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Reopen the queue' }).click();
  await page.getByText('Draining').waitFor({ state: 'detached' });
  const again = await house.job('again', '"again"');
  assert.equal((await house.ended(again.call_id)).value, 'again');
  isQuiet(page);
  await page.context().close();
});

it('cancels what waits and what runs', async () => {
  const page = await open();
  const runs = await house.job('runs', 'import time\nfor i in range(600):\n    time.sleep(0.05)');
  const waits = await house.job('waits', 'never = True');
  await row(page, 'runs').getByText('Running', { exact: true }).waitFor();
  // From the list, by a key.
  await row(page, 'waits').click();
  await page.getByRole('listbox', { name: 'Work' }).focus();
  await page.keyboard.press('Delete');
  assert.equal((await house.ended(waits.call_id)).status, 'cancelled');
  await row(page, 'waits').getByText('Cancelled', { exact: true }).waitFor();
  await row(page, 'runs').click();
  await button(page, 'Cancel').click();
  assert.equal((await house.ended(runs.call_id)).status, 'cancelled');
  await near(page).getByText('Cancelled', { exact: true }).first().waitFor();
  const { value } = await house.call('code.run', { code: '"never" in globals()' });
  assert.equal(value, false);
  // One that was cancelled can be tried again.
  await row(page, 'waits').click();
  await button(page, 'Retry').click();
  await page.getByText('Queued again.').waitFor();
  assert.equal((await house.ended(waits.call_id)).status, 'succeeded');
  isQuiet(page);
  await page.context().close();
});

it('looks at one that was given up, mends it, and has it run', async () => {
  const page = await open();
  const doomed = await house.job('doomed', '1/0', { retry: { max: 1, backoff_ms: 1 } });
  await house.ended(doomed.call_id);
  await page.getByRole('button', { name: /Given up/ }).click();
  await row(page, 'doomed').click();
  await near(page)
    .getByText(/division by zero/)
    .first()
    .waitFor();
  await near(page).locator('.attempts li').nth(1).waitFor();
  assert.equal(await near(page).locator('.attempts li').count(), 2);
  assert.deepEqual(await barriers(page), []);
  // As it is it fails again, and what it failed with before is gone in the meantime.
  await button(page, 'Retry').click();
  await page.getByText('Queued again.').waitFor();
  assert.equal((await house.ended(doomed.call_id)).status, 'failed');
  await row(page, 'doomed').getByText('Given up', { exact: true }).waitFor();

  await button(page, 'Edit and retry').click();
  const dialog = page.getByRole('dialog', { name: 'Edit code.run and retry' });
  const code = dialog.getByRole('textbox', { name: /^code/ });
  assert.equal(await code.inputValue(), '1/0');
  assert.deepEqual(await barriers(page), []);
  // The focus stays in the dialog, and goes back to where it was.
  for (let times = 0; times < 25; times += 1) {
    await page.keyboard.press('Tab');
    const inside = await page.evaluate(
      () => document.activeElement === document.body || !!document.activeElement.closest('dialog'),
    );
    assert.ok(inside, 'Tab left the dialog');
  }
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), 'Edit and retry');
  await page.keyboard.press('Enter');
  await code.fill('');
  await dialog.getByRole('button', { name: 'Save and retry' }).click();
  await dialog.getByText('This field is required.').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-invalid')), 'true');
  await code.fill('6 * 7');
  await dialog.getByRole('button', { name: 'Save and retry' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.waitForFunction(() => document.activeElement.id === 'work-title', null, { polling: 100 });
  const mended = await house.ended(doomed.call_id);
  assert.deepEqual([mended.status, mended.value], ['succeeded', 42]);
  await page.getByRole('button', { name: /^All/ }).click();
  await row(page, 'doomed').getByText('Done', { exact: true }).waitFor();
  isQuiet(page);
  await page.context().close();
});

it('edits one that waits', async () => {
  const page = await open();
  await page.getByRole('button', { name: 'Pause the queue' }).click();
  await page.getByText('Paused: no job is handed out').waitFor();
  const { call_id } = await house.job('edited', '1');
  await row(page, 'edited').click();
  await button(page, 'Edit').click();
  const dialog = page.getByRole('dialog', { name: 'Edit code.run' });
  await dialog.getByRole('textbox', { name: /^code/ }).fill('2');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.waitFor({ state: 'detached' });
  await near(page).getByRole('group', { name: 'Code' }).getByText('2', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Resume the queue' }).click();
  assert.equal((await house.ended(call_id)).value, 2);
  isQuiet(page);
  await page.context().close();
});
