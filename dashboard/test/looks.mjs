// What every room must hold to: nothing that keeps somebody out, nothing beyond the edge, nothing asked elsewhere.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds that would keep somebody out. It runs outside of the page's world, which its policy closes. */
export async function barriers(page) {
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send('Page.getFrameTree');
  const { executionContextId: contextId } = await session.send('Page.createIsolatedWorld', {
    frameId: frameTree.frame.id,
    worldName: 'axe',
  });
  const evaluate = async (expression) => {
    const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
      expression,
      contextId,
      awaitPromise: true,
      returnByValue: true,
    });
    assert.equal(exceptionDetails, undefined, JSON.stringify(exceptionDetails));
    return result.value;
  };
  // What is still fading in has not its own colours yet.
  await evaluate(`Promise.allSettled(document.getAnimations()
    .filter((one) => one.effect.getComputedTiming().endTime !== Infinity)
    .map((one) => one.finished)).then(() => 0)`);
  await evaluate(`${axe}; true`);
  const found = await evaluate(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
    violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => id + ': ' + nodes.map(({ html, any }) => html.slice(0, 160) + ' ' + (any[0]?.message ?? '')).join(' | ')))`);
  await session.detach();
  return found;
}

/** Nothing to the side that one would have to scroll to. */
export const overflow = (page) =>
  page.evaluate(() => document.scrollingElement.scrollWidth - document.documentElement.clientWidth);

/** Nothing on its console, nothing asked of anybody but the hub. */
export function isQuiet(page) {
  assert.deepEqual(
    page.faults.filter((text) => !text.includes('404')),
    [],
  );
  assert.deepEqual(page.elsewhere, [], 'asked for nothing outside');
}

/** Connects now; or the page has done so by itself, before one could ask for it. */
export async function hurry(page) {
  const live = page.getByText('Live', { exact: true });
  await page.getByRole('button', { name: 'Try now' }).or(live).first().waitFor();
  await page.evaluate(() =>
    [...document.querySelectorAll('button')].find((one) => /Try now/.test(one.textContent))?.click(),
  );
  await live.waitFor();
}
