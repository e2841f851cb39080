// Measures, over loopback and in the browser's own words: how soon the page is there, and how a list of ten thousand real
// jobs scrolls. Asserts nothing. KAPELLE_TEST_BINARY is best a release build: node test/paint.mjs
//
// cold: nothing in the browser's cache. warm: the files are there, as on every later visit. live: until it hears the hub.
// frame: the time between two frames while the whole list goes by in three seconds. key: from End or Home to the row.
import { Browser, House } from './house.mjs';

const ROUNDS = 10;
const JOBS = 10_000;
/** How long the whole list takes to go by, in milliseconds. */
const SCROLL_MS = 3000;
const house = await House.open();
const browser = await Browser.open();
const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
const marks = (page) =>
  page.evaluate(async () => {
    const paint = () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime;
    while (!paint()) await new Promise((resolve) => setTimeout(resolve, 5));
    return { paint: paint() };
  });

/** Times between frames, and from a key to its row, in milliseconds. */
async function scrolled() {
  const page = await browser.page(house, { hash: '/work' });
  await page.getByRole('button', { name: /All 10,000/ }).waitFor();
  const frame = await page.evaluate(async (during) => {
    const list = document.querySelector('[role=listbox]');
    const next = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const times = [];
    const start = await next();
    for (let last = start; last < start + during;) {
      list.scrollTop = ((last - start) / during) * (list.scrollHeight - list.clientHeight);
      const now = await next();
      times.push(now - last);
      last = now;
    }
    return times;
  }, SCROLL_MS);
  await page.getByRole('listbox', { name: 'Work' }).focus();
  const key = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const [name, place] = round % 2 ? ['Home', '1'] : ['End', String(JOBS)];
    const begun = await page.evaluate(() => performance.now());
    await page.keyboard.press(name);
    await page.waitForFunction(
      (wanted) => document.querySelector('[aria-selected=true]')?.ariaPosInSet === wanted,
      place,
      { polling: 'raf' },
    );
    key.push((await page.evaluate(() => performance.now())) - begun);
  }
  await page.context().close();
  return { frame, key };
}

try {
  const page = await browser.page(house);
  const cookies = await page.context().cookies();
  const taken = { cold: [], warm: [], live: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    const context = await browser.chromium.newContext({ viewport: { width: 1360, height: 860 } });
    await context.addCookies(cookies);
    const fresh = await context.newPage();
    for (const kind of ['cold', 'warm']) {
      await fresh.goto(`${house.url}/`, { waitUntil: 'commit' });
      taken[kind].push((await marks(fresh)).paint);
      await fresh.getByText('Live', { exact: true }).waitFor();
      if (kind === 'warm') taken.live.push(await fresh.evaluate(() => performance.now()));
    }
    await context.close();
  }
  await house.ask('POST', '/v1/jobs/queue', { app: 'blender', paused: true });
  await house.fill(JOBS, (number) => `s${number % 40}`);
  Object.assign(taken, await scrolled());
  for (const [kind, list] of Object.entries(taken))
    console.log(
      `${kind}: median ${median(list).toFixed(0)} ms, slowest of ${list.length} ${Math.max(...list).toFixed(0)} ms`,
    );
} finally {
  await browser.close();
  await house.close();
}
