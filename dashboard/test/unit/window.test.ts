// The arithmetic of a long list: what exists, where a key leads, what stays in sight.
import { describe, expect, it } from 'vitest';
import { AROUND, rowFor, rowsIn, topAfterMove, topFor } from '../../src/lib/window';

const sight = { top: 0, view: 420, height: 42, count: 10_000 };

describe('the rows that exist', () => {
  it('are those in sight and a few around, wherever one is', () => {
    for (let top = 0; top <= 42 * 10_000 - 420; top += 1234.5) {
      const { first, last } = rowsIn({ ...sight, top });
      expect(last - first).toBeLessThanOrEqual(420 / 42 + 1 + 2 * AROUND);
      expect(first * 42).toBeLessThanOrEqual(top);
      expect(last * 42).toBeGreaterThanOrEqual(Math.min(top + 420, 420_000));
    }
  });

  it('end with the list, also when it has just become shorter', () => {
    expect(rowsIn({ ...sight, count: 3 })).toEqual({ first: 0, last: 3 });
    expect(rowsIn({ ...sight, count: 0 })).toEqual({ first: 0, last: 0 });
    const { first, last } = rowsIn({ ...sight, top: 300_000, count: 20 });
    expect([first <= last, last]).toEqual([true, 20]);
  });
});

describe('keys', () => {
  it('go through all of the list and not beyond it', () => {
    expect(rowFor('ArrowDown', -1, sight)).toBe(0);
    expect(rowFor('ArrowUp', -1, sight)).toBe(0);
    expect(rowFor('ArrowDown', 4, sight)).toBe(5);
    expect(rowFor('ArrowUp', 0, sight)).toBe(0);
    expect(rowFor('End', 4, sight)).toBe(9_999);
    expect(rowFor('ArrowDown', 9_999, sight)).toBe(9_999);
    expect(rowFor('PageDown', 4, sight)).toBe(13);
    expect(rowFor('PageUp', 4, sight)).toBe(0);
    expect(rowFor('Home', 500, sight)).toBe(0);
  });

  it('of other meanings, and in an empty list, lead nowhere', () => {
    expect(rowFor('Enter', 4, sight)).toBeNull();
    expect(rowFor('toString', 4, sight)).toBeNull();
    expect(rowFor('End', -1, { ...sight, count: 0 })).toBeNull();
  });
});

describe('scrolling', () => {
  it('moves as little as needed to show a row', () => {
    const at = { ...sight, top: 420 };
    expect(topFor(12, at)).toBe(420);
    expect(topFor(3, at)).toBe(126);
    expect(topFor(20, at)).toBe(21 * 42 - 420);
  });

  it('keeps the chosen row under the eye when others come before it', () => {
    const at = { ...sight, top: 4200 };
    expect(topAfterMove(105, 108, at)).toBe(4200 + 3 * 42);
    expect(topAfterMove(105, 100, at)).toBe(4200 - 5 * 42);
    expect(topAfterMove(50, 53, at), 'it was not in sight').toBe(4200);
    expect(topAfterMove(105, -1, at), 'it is gone').toBe(4200);
    expect(topAfterMove(2, 5, sight), 'at the top one sees what is new').toBe(0);
  });
});
