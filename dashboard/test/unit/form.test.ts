// From a schema to a form and back. The schemas are those of every command that Kapelle has.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { argumentsOf, fieldsOf, given, meant, textsOf, Wrong, type Field } from '../../src/lib/form';
import type { Schema } from '../../src/lib/wire';

interface Described {
  properties: { args: Schema };
  examples?: { args: Record<string, unknown> }[];
}
const { components } = JSON.parse(
  readFileSync(new URL('../../../docs/reference/openapi.json', import.meta.url), 'utf8'),
) as { components: { schemas: Record<string, Described> } };
const commands = Object.entries(components.schemas).filter(([name]) => name.includes('.'));

const field = (schema: Schema, required = false): Field => {
  const [one] = fieldsOf({ properties: { x: schema }, required: required ? ['x'] : [] });
  if (!one) throw new Error('no field');
  return one;
};
const wrong = (of: Field, text: string | string[]): string => {
  try {
    meant(of, text);
  } catch (error) {
    if (error instanceof Wrong) return error.message;
    throw error;
  }
  return '';
};

describe('every command', () => {
  it('is there', () => expect(commands.length).toBeGreaterThan(50));

  it.each(commands)('%s has a field for each argument, and its example survives the form', (_, described) => {
    const { args } = described.properties;
    const fields = fieldsOf(args);
    expect(fields.map(({ name }) => name).toSorted()).toEqual(Object.keys(args.properties ?? {}).toSorted());
    const optional = fields.findIndex(({ isRequired }) => !isRequired);
    expect(fields.slice(optional < 0 ? fields.length : optional).some(({ isRequired }) => isRequired)).toBe(
      false,
    );
    for (const example of described.examples ?? []) {
      expect(argumentsOf(fields, textsOf(fields, example.args))).toEqual({ args: example.args, wrong: {} });
    }
  });
});

describe('kinds of fields', () => {
  it.each<[string, Schema]>([
    ['text', { type: 'string' }],
    ['text', { type: ['string', 'null'] }],
    ['choice', { type: 'string', enum: ['a', 'b'] }],
    ['yes', { type: 'boolean' }],
    ['number', { type: 'integer' }],
    ['numbers', { type: 'array', items: { type: 'number' }, minItems: 3, maxItems: 3 }],
    ['color', { type: 'array', 'x-form': 'color' }],
    ['lines', { type: 'array', items: { type: 'string' } }],
    ['file', { type: 'object', 'x-form': 'blob' }],
    ['json', { type: 'array' }],
    ['json', { type: ['string', 'number'] }],
    ['json', {}],
  ])('%s', (kind, schema) => expect(field(schema).kind).toBe(kind));
});

describe('what a field means', () => {
  it('is nothing when it is empty, and a fault when it is needed', () => {
    expect(meant(field({ type: 'string' }), '  ')).toBeUndefined();
    expect(meant(field({ type: 'string' }), undefined)).toBeUndefined();
    expect(wrong(field({ type: 'string' }, true), '')).toBe('This field is required.');
    expect(meant(field({ type: 'string' }), ' as it stands ')).toBe(' as it stands ');
  });

  it('is a number within its bounds, with either comma', () => {
    const of = field({ type: 'number', minimum: 0, maximum: 2 });
    expect([meant(of, '1.5'), meant(of, '1,5'), meant(of, '0')]).toEqual([1.5, 1.5, 0]);
    expect(wrong(of, 'much')).toBe('“much” is no number.');
    expect(wrong(of, '-1')).toBe('At least 0.');
    expect(wrong(of, '3')).toBe('At most 2.');
    expect(wrong(field({ type: 'integer' }), '1.5')).toBe('Enter a whole number.');
    expect(wrong(of, 'Infinity')).toBe('“Infinity” is no number.');
  });

  it('is all of several numbers, or a fault', () => {
    const three = field({ type: 'array', items: { type: 'number' }, minItems: 3, maxItems: 3 });
    expect(meant(three, ['1', '2', '3'])).toEqual([1, 2, 3]);
    expect(meant(three, ['', '', ''])).toBeUndefined();
    expect(wrong(three, ['1', '', '3'])).toBe('3 numbers are needed.');
    const color = field({ type: 'array', 'x-form': 'color', items: { type: 'number', minimum: 0 } });
    expect(meant(color, ['1', '0', '0', ''])).toEqual([1, 0, 0]);
    expect(meant(color, ['1', '0', '0', '0.5'])).toEqual([1, 0, 0, 0.5]);
    expect(wrong(color, ['-1', '0', '0'])).toBe('At least 0.');
  });

  it('is a choice, a yes, lines, a file, or JSON', () => {
    expect(meant(field({ enum: [1, 2] }), '2')).toBe(2);
    expect(meant(field({ type: 'boolean' }), 'false')).toBe(false);
    expect(meant(field({ type: 'array', items: { type: 'string' } }), ' a\n\nb ')).toEqual(['a', 'b']);
    const blob = field({ type: 'object', 'x-form': 'blob' });
    expect(meant(blob, { $blob: 'sha256:0', name: 'a.png' })).toEqual({ $blob: 'sha256:0' });
    expect(given(blob, { $blob: 'sha256:0' })).toEqual({ $blob: 'sha256:0', name: 'stored' });
    expect(meant(field({ type: 'object' }), '{"a": [1]}')).toEqual({ a: [1] });
    expect(meant(field({}), 'center')).toBe('center');
    expect(wrong(field({}), '[1')).toBe('This is not valid JSON. Put text in double quotes.');
    expect(wrong(field({ type: 'object' }), 'center')).toBe(
      'This is not valid JSON. Put text in double quotes.',
    );
  });

  it('tells all faults at once', () => {
    const fields = fieldsOf({
      properties: { a: { type: 'number' }, b: {}, c: { type: 'string' } },
      required: ['c'],
    });
    expect(argumentsOf(fields, { a: 'x', b: '1' })).toEqual({
      args: { b: 1 },
      wrong: { a: '“x” is no number.', c: 'This field is required.' },
    });
  });
});
