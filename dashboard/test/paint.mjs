// Measures how soon the page is there, over loopback, in the browser's own words: node test/paint.mjs
// Cold: nothing in the browser's cache. Warm: the files are there, as on every later visit. Asserts nothing.
import { Browser, House } from './house.mjs';

const ROUNDS = 15;
const house = await House.open();
const browser = await Browser.open();
const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
const marks = (page) =>
  page.evaluate(async () => {
    const paint = () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime;
    while (!paint()) await new Promise((resolve) => setTimeout(resolve, 5));
    return { paint: paint() };
  });

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
  for (const [kind, list] of Object.entries(taken))
    console.log(
      `${kind}: median ${median(list).toFixed(0)} ms, slowest of ${list.length} ${Math.max(...list).toFixed(0)} ms`,
    );
} finally {
  await browser.close();
  await house.close();
}
