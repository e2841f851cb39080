// Work with ten thousand jobs and a render farm, as the hub tells of them (docs/reference/http.md): the list stays small
// in the page, and each control asks for what it says. The hub itself is real; what it says of jobs is recorded here.
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { Browser, House } from './house.mjs';

const COUNT = 10_000;
const id = (number) => `call_01M8${String(number).padStart(22, '0')}`;
const BASE = {
  app: 'blender',
  caller: 'td',
  labels: {},
  after: [],
  durability: 'fsync',
  attempt: 0,
  paused: false,
  priority: 5,
};

function job(number) {
  const asked_at = new Date(Date.UTC(2030, 0, 1) + number * 1000).toISOString();
  const common = {
    ...BASE,
    call_id: id(number),
    asked_at,
    command: 'render.still',
    labels: { shot: `s${number % 40}` },
  };
  if (number === COUNT)
    return {
      ...common,
      command: 'render.farm',
      status: 'running',
      attempt: 1,
      started_at: asked_at,
      progress: {
        fraction: 0.25,
        text: '25 of 100 frames, 12 min left',
        details: {
          frames: 100,
          left_s: 720,
          last: '/shots/shot-frames/frame_0025.png',
          workers: [
            { name: 'farm-1', state: 'rendering', done: 13, frame: 26, part: 0.5 },
            { name: 'farm-2', state: 'starting', done: 12 },
          ],
        },
      },
    };
  if (number > COUNT - 400)
    return {
      ...common,
      status: 'queued',
      position: number - (COUNT - 400),
      why: 'waits for a free instance',
    };
  const problem = { code: 'call_failed', message: 'No camera.', hint: 'Add one.', retryable: false };
  if (number % 50 === 0) return { ...common, status: 'dead', attempt: 3, duration_ms: 900, problem };
  return { ...common, status: 'succeeded', attempt: 1, duration_ms: 1200 };
}

let house;
let browser;
let asked;
before(async () => {
  house = await House.open();
  browser = await Browser.open();
});
after(async () => {
  await browser?.close();
  await house?.close();
});

/** A page whose hub has these jobs; `say` tells it of one more. */
async function open(options = {}) {
  const jobs = new Map(Array.from({ length: COUNT }, (_, at) => [id(COUNT - at), job(COUNT - at)]));
  asked = [];
  let tell;
  const page = await browser.page(house, {
    ...options,
    hash: '/work',
    before: async (page) => {
      await page.route('**/v1/jobs**', async (route) => {
        const request = route.request();
        const url = new URL(request.url());
        const body = request.postData() ? JSON.parse(request.postData()) : undefined;
        const [, one] = /\/v1\/jobs\/(call_\w+)$/.exec(url.pathname) ?? [];
        if (request.method() !== 'GET') asked.push([request.method(), url.pathname, body]);
        if (one)
          return route.fulfill({
            json: { ...jobs.get(one), args: { file: '/shots/shot.blend' }, attempts: [] },
          });
        const from = Number(url.searchParams.get('cursor') ?? 0);
        const limit = Number(url.searchParams.get('limit'));
        const next = from + limit < COUNT ? { next_cursor: String(from + limit) } : {};
        const queues = [{ app: 'blender', paused: false, draining: false }];
        return route.fulfill({
          json: { jobs: [...jobs.values()].slice(from, from + limit), counts: {}, queues, ...next },
        });
      });
      await page.routeWebSocket(/ws$/, (socket) => {
        const server = socket.connectToServer();
        socket.onMessage((text) => server.send(text));
        server.onMessage((text) => socket.send(text));
        tell = (job) => {
          // Who asks for it from now on gets the same.
          if (jobs.has(job.call_id)) jobs.set(job.call_id, job);
          socket.send(
            JSON.stringify({
              type: 'event',
              id: 'feed',
              epoch: 'e',
              seq: 1,
              at: new Date().toISOString(),
              event: 'job',
              job,
            }),
          );
        };
      });
    },
  });
  await page.getByRole('option').first().waitFor();
  return { page, say: (job) => tell(job) };
}

it('keeps ten thousand rows light, and goes to their end', async () => {
  const { page, say } = await open();
  const list = page.getByRole('listbox', { name: 'Work' });
  await page.getByRole('button', { name: /All 10,000/ }).waitFor();
  const rows = () => page.getByRole('option').count();
  assert.ok((await rows()) < 80, String(await rows()));
  await list.focus();
  await page.keyboard.press('End');
  await page.waitForFunction(
    (count) => document.querySelector('[aria-selected=true]')?.ariaPosInSet === String(count),
    COUNT,
  );
  assert.ok((await rows()) < 80);
  // A thousand more in one breath: shown together, the chosen row stays where one looks.
  for (let number = COUNT + 1; number <= COUNT + 1000; number += 1) say({ ...job(1), call_id: id(number) });
  await page.getByRole('button', { name: /All 11,000/ }).waitFor();
  assert.equal(
    await page.getByRole('option', { selected: true }).getAttribute('aria-setsize'),
    String(COUNT + 1000),
  );
  assert.ok(await page.getByRole('option', { selected: true }).isVisible());
  await page.getByRole('button', { name: /Given up/ }).click();
  await page.getByRole('searchbox', { name: 'Search work' }).fill('shot:s0 dead');
  await page.waitForFunction(() => document.querySelector('[role=option]')?.ariaSetSize === '48');
  await page.context().close();
});

it('shows a farm from near, and asks for what its controls say', async () => {
  const { page, say } = await open();
  await page.getByRole('option').first().click();
  const near = page.getByRole('region', { name: 'render.farm' });
  await near.getByText('25 % · 25 of 100 frames, 12 min left').waitFor();
  await near.getByText('about 12 min left').waitFor();
  await near.getByText('frame 26').waitFor();
  await near.getByText('starting').waitFor();
  await near.getByText('/shots/shot-frames/frame_0025.png').waitFor();
  await near.getByText('"file": "/shots/shot.blend"').waitFor();
  await near.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('render.farm is cancelled.').waitFor();
  say({ ...job(COUNT), status: 'cancelled' });
  await near.getByText('Cancelled').waitFor();

  await page.getByRole('button', { name: /Under way/ }).click();
  await page.getByRole('option').nth(2).click();
  const waiting = page.getByRole('region', { name: 'render.still' });
  await waiting.getByText('waits for a free instance').waitFor();
  await waiting.getByLabel('Priority').selectOption('9');
  await page.getByText('Its priority has changed.').waitFor();
  for (const name of ['First', 'One up', 'One down', 'Last'])
    await waiting.getByRole('button', { name, exact: true }).click();
  await waiting.getByRole('button', { name: 'Hold back' }).click();
  await page.getByText('It is held back.').waitFor();
  await page.getByRole('button', { name: 'Hold the queue of blender' }).click();

  await page.getByRole('button', { name: /Given up/ }).click();
  await page.getByRole('option').first().click();
  const dead = page.getByRole('region', { name: 'render.still' });
  await dead.getByText('No camera.').waitFor();
  await dead.getByRole('button', { name: 'Retry' }).click();
  await page.getByText('It is queued again.').waitFor();

  const third = id(COUNT - 397);
  const path = `/v1/jobs/${third}`;
  assert.deepEqual(asked, [
    ['DELETE', `/v1/jobs/${id(COUNT)}`, undefined],
    ['PATCH', path, { priority: 9 }],
    ['PATCH', path, { place: 'first' }],
    ['PATCH', path, { place: { before: id(COUNT - 398) } }],
    ['PATCH', path, { place: { before: id(COUNT - 395) } }],
    ['PATCH', path, { place: 'last' }],
    ['PATCH', path, { paused: true }],
    ['POST', '/v1/jobs/queue', { app: 'blender', paused: true }],
    ['PATCH', `/v1/jobs/${id(9600)}`, { status: 'queued' }],
  ]);
  await page.context().close();
});

it('is a list, then one thing, where it is narrow', async () => {
  const { page } = await open({ viewport: { width: 360, height: 700 } });
  await page.getByRole('option').first().click();
  await page.getByRole('region', { name: 'render.farm' }).waitFor();
  assert.equal(await page.getByRole('listbox').isVisible(), false);
  await page.getByRole('button', { name: 'All work' }).click();
  await page.getByRole('listbox').waitFor();
  await page.context().close();
});
