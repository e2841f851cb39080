import { describe, expect, it } from 'vitest';
import { hintOf } from '../../src/lib/hint';

const problem = {
  code: 'no_instance',
  message: 'No Blender is connected.',
  hint: 'Start one: POST /v1/instances',
};

describe('a hint', () => {
  it('is said in the words of the page', () => {
    const parts = ['Start one: ', { do: 'start', app: 'blender' }, '.'];
    expect(hintOf({ ...problem, hint_parts: parts })).toBe('Start one: “Start” on the Stage.');
  });

  it('is said as the hub said it where a step is not known, or there are no parts', () => {
    expect(hintOf({ ...problem, hint_parts: ['Fly: ', { do: 'fly' }] })).toBe(problem.hint);
    expect(hintOf(problem)).toBe(problem.hint);
    expect(hintOf({ code: 'x', message: 'y' })).toBe('');
  });
});
