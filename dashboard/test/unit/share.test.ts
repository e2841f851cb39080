// What work tells of its workers: known members of the right form, whatever a program says.
import { expect, it } from 'vitest';
import { shareOf } from '../../src/lib/share';

it('reads what a farm tells', () => {
  const details = {
    frames: 5,
    done: 1,
    skipped: 1,
    failed: 0,
    elapsed_s: 15,
    left_s: 25,
    last: '/x/frame_0001.png',
    workers: [{ name: 'a', state: 'rendering', done: 1, frame: 2, part: 0.5, samples: [8, 16] }],
  };
  expect(shareOf({ fraction: 0.4, text: '', details })).toEqual({
    frames: 5,
    done: 1,
    left_s: 25,
    last: '/x/frame_0001.png',
    workers: [{ name: 'a', state: 'rendering', done: 1, frame: 2, part: 0.5 }],
  });
});

it('leaves out what has not the right form', () => {
  expect(shareOf(undefined)).toEqual({});
  expect(shareOf({ fraction: null, text: '', details: { workers: 'many', left_s: null, last: 7 } })).toEqual(
    {},
  );
  const workers = [
    null,
    'x',
    { name: 'a' },
    { name: 'b', state: 'lost', part: '1' },
    { name: 'b', state: 'ended' },
  ];
  expect(shareOf({ fraction: null, text: '', details: { workers } })).toEqual({
    workers: [{ name: 'b', state: 'ended' }],
  });
});
