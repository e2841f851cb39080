// Work with ten thousand real jobs: the list stays small in the page, is found through, and catches up.
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { Browser, House } from './house.mjs';
import { barriers, hurry, isQuiet, overflow } from './looks.mjs';

const COUNT = 10_000;

let house;
let browser;
before(async () => {
  house = await House.open();
  browser = await Browser.open();
  await house.ask('POST', '/v1/jobs/queue', { app: 'blender', paused: true });
  await house.fill(COUNT, (number) => `s${number % 40}`);
});
after(async () => {
  await browser?.close();
  await house?.close();
});

it('keeps ten thousand rows light, goes to their end, and takes a thousand more in one breath', async () => {
  const page = await browser.page(house, { hash: '/work' });
  const list = page.getByRole('listbox', { name: 'Work' });
  await page.getByRole('button', { name: /All 10,000/ }).waitFor();
  const rows = () => page.getByRole('option').count();
  assert.ok((await rows()) < 80, String(await rows()));
  assert.deepEqual(await barriers(page), []);
  await list.focus();
  await page.keyboard.press('End');
  await page.waitForFunction(
    (count) => document.querySelector('[aria-selected=true]')?.ariaPosInSet === String(count),
    COUNT,
  );
  assert.ok((await rows()) < 80);
  await house.fill(1000, () => 'new');
  await page.getByRole('button', { name: /All 11,000/ }).waitFor();
  const chosen = page.getByRole('option', { selected: true });
  assert.equal(await chosen.getAttribute('aria-setsize'), String(COUNT + 1000));
  assert.ok(await chosen.isVisible(), 'the chosen row stays where one looks');
  const search = page.getByRole('searchbox', { name: 'Search work' });
  await search.fill('shot:s0');
  await page.waitForFunction(() => document.querySelector('[role=option]')?.ariaSetSize === '250');
  await search.fill('shot:new queued');
  await page.waitForFunction(() => document.querySelector('[role=option]')?.ariaSetSize === '1000');
  await search.fill('no such shot');
  await page.getByText('No matches').waitFor();
  await page.getByRole('button', { name: 'Show all work' }).click();
  await page.getByRole('button', { name: /Given up/ }).click();
  await page.getByText('No job was given up').waitFor();
  isQuiet(page);
  await page.context().close();
});

it('catches up with what happened while it was cut off', async () => {
  const sockets = [];
  const page = await browser.page(house, {
    hash: '/work',
    before: (page) =>
      page.routeWebSocket(/ws$/, (socket) => {
        const server = socket.connectToServer();
        socket.onMessage((text) => server.send(text));
        server.onMessage((text) => socket.send(text));
        sockets.push({ socket, server });
      }),
  });
  await page.getByRole('option').first().waitFor();
  await page.route('**/v1/**', (route) => route.abort());
  await sockets[0].server.close();
  await sockets[0].socket.close();
  await page.getByText('Disconnected').waitFor();
  const [{ call_id }] = (await house.ask('GET', '/v1/jobs?status=queued&order=queue&limit=1')).jobs;
  await house.ask('PATCH', `/v1/jobs/${call_id}`, { labels: { shot: 'mended' } });
  await page.unroute('**/v1/**');
  await hurry(page);
  await page.getByRole('option').filter({ hasText: 'shot: mended' }).waitFor();
  await page.context().close();
});

it('is a list, then one thing, where it is narrow', async () => {
  const page = await browser.page(house, { hash: '/work', viewport: { width: 360, height: 700 } });
  await page.getByRole('option').first().click();
  await page.getByRole('region', { name: 'scene.get' }).waitFor();
  assert.equal(await page.getByRole('listbox').isVisible(), false);
  assert.equal(await overflow(page), 0);
  assert.deepEqual(await barriers(page), []);
  await page.getByRole('button', { name: 'All work' }).click();
  await page.getByRole('listbox').waitFor();
  isQuiet(page);
  await page.context().close();
});
