// How long something still takes, from how its progress has gone.
import { describe, expect, it } from 'vitest';
import { Estimates } from '../../src/lib/estimate';

describe('an estimate', () => {
  it('is none before something was seen, and none that would be a guess', () => {
    const estimates = new Estimates();
    expect(estimates.left('a', 0)).toBeNull();
    estimates.saw('a', 0.1, 0);
    estimates.saw('a', 0.2, 1000);
    expect(estimates.left('a', 1000)).toBeNull();
    estimates.saw('a', null, 2000);
    estimates.saw('a', undefined, 2000);
    expect(estimates.left('a', 2000)).toBeNull();
  });

  it('goes by the last stretch, so that a slow start is forgotten', () => {
    const estimates = new Estimates();
    estimates.saw('a', 0, 0);
    estimates.saw('a', 0.01, 600_000);
    for (let step = 2; step <= 50; step += 1) estimates.saw('a', step / 100, 600_000 + step * 1000);
    // A hundredth in a second, half of it is left.
    expect(estimates.left('a', 650_000)).toBeCloseTo(50_000, -3);
    expect(estimates.left('a', 655_000), 'time goes on').toBeCloseTo(45_000, -3);
    expect(estimates.left('a', 900_000), 'never less than nothing').toBe(0);
  });

  it('begins anew with a new attempt, and ends with the call', () => {
    const estimates = new Estimates();
    estimates.saw('a', 0.5, 0);
    estimates.saw('a', 0.9, 10_000);
    estimates.saw('a', 0.1, 11_000);
    expect(estimates.left('a', 11_000)).toBeNull();
    estimates.saw('a', 0.2, 21_000);
    expect(estimates.left('a', 21_000)).toBeCloseTo(80_000, 3);
    estimates.forget('a');
    expect(estimates.left('a', 21_000)).toBeNull();
  });
});
