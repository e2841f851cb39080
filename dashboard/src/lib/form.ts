// From a command's schema to a form and back: which kind of field an argument is, and what its text means. Every
// field holds texts (or a stored file); an empty one is not sent, so that the app's own default counts.
import type { Schema } from './wire';

export type Kind = 'text' | 'choice' | 'yes' | 'number' | 'numbers' | 'color' | 'lines' | 'file' | 'json';

export interface Field {
  name: string;
  kind: Kind;
  schema: Schema;
  isRequired: boolean;
  /** How many numbers stand beside each other. */
  count: number;
  isWhole: boolean;
}

/** What was put in: a text, several of them, or the reference to a stored file. */
export type Given = string | string[] | { $blob: string; name: string };

const AXES = ['X', 'Y', 'Z'];
const PARTS = ['Red', 'Green', 'Blue', 'Alpha'];

export const partNames = (field: Field): string[] => (field.kind === 'color' ? PARTS : AXES);

function typesOf(schema: Schema): string[] {
  return (Array.isArray(schema.type) ? schema.type : schema.type ? [schema.type] : []).filter(
    (type) => type !== 'null',
  );
}

function kindOf(schema: Schema): Kind {
  const types = typesOf(schema);
  const type = types.length === 1 ? types[0] : undefined;
  if (schema['x-form'] === 'color') return 'color';
  if (schema['x-form'] === 'blob') return 'file';
  if (schema.enum) return 'choice';
  if (type === 'boolean') return 'yes';
  if (type === 'integer' || type === 'number') return 'number';
  if (type === 'string') return 'text';
  if (type !== 'array') return 'json';
  const item = schema.items ? typesOf(schema.items)[0] : undefined;
  const isFixed =
    schema.minItems !== undefined && schema.minItems === schema.maxItems && schema.minItems <= 3;
  if ((item === 'number' || item === 'integer') && isFixed) return 'numbers';
  return item === 'string' ? 'lines' : 'json';
}

export function fieldsOf(schema: Schema): Field[] {
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties ?? {}).map(([name, own]): Field => {
    const kind = kindOf(own);
    return {
      name,
      kind,
      schema: own,
      isRequired: required.has(name),
      count: kind === 'color' ? 4 : (own.maxItems ?? 3),
      isWhole: typesOf(own)[0] === 'integer',
    };
  });
  // What must be given comes first.
  return [...fields.filter((field) => field.isRequired), ...fields.filter((field) => !field.isRequired)];
}

/** A value as the field shows it; for an example, or a call of before. */
export function given(field: Field, value: unknown): Given {
  if (value === undefined || value === null)
    return field.kind === 'numbers' || field.kind === 'color' ? [] : '';
  if ((field.kind === 'numbers' || field.kind === 'color') && Array.isArray(value)) return value.map(String);
  if (field.kind === 'lines' && Array.isArray(value)) return value.join('\n');
  if (field.kind === 'file' && typeof value === 'object' && '$blob' in value)
    return { $blob: String(value.$blob), name: 'stored' };
  if (field.kind === 'json') return JSON.stringify(value);
  return String(value);
}

/** All arguments as the fields show them. */
export const textsOf = (fields: Field[], args: Record<string, unknown>): Record<string, Given> =>
  Object.fromEntries(fields.map((field) => [field.name, given(field, args[field.name])]));

export class Wrong extends Error {}

function number(text: string, field: Field): number {
  const value = Number(text.trim().replace(',', '.'));
  if (!Number.isFinite(value)) throw new Wrong(`“${text}” is no number.`);
  if (field.isWhole && !Number.isInteger(value)) throw new Wrong('Enter a whole number.');
  const { minimum, maximum } = field.kind === 'number' ? field.schema : (field.schema.items ?? {});
  if (minimum !== undefined && value < minimum) throw new Wrong(`At least ${minimum}.`);
  if (maximum !== undefined && value > maximum) throw new Wrong(`At most ${maximum}.`);
  return value;
}

/** What a field means; `undefined` when nothing was given. Throws what is wrong with it. */
export function meant(field: Field, text: Given | undefined): unknown {
  if (text !== undefined && typeof text === 'object' && !Array.isArray(text)) return { $blob: text.$blob };
  const parts = Array.isArray(text) ? text : [text ?? ''];
  const isEmpty = parts.every((part) => (part ?? '').trim() === '');
  if (isEmpty) {
    if (field.isRequired) throw new Wrong('This field is required.');
    return undefined;
  }
  const only = parts[0] ?? '';
  switch (field.kind) {
    case 'text':
      return only;
    case 'choice':
      return field.schema.enum?.find((choice) => String(choice) === only) ?? only;
    case 'yes':
      return only === 'true';
    case 'number':
      return number(only, field);
    case 'numbers':
    case 'color': {
      const least = field.kind === 'color' ? 3 : field.count;
      const numbers = parts.slice(0, field.count).map((part) => (part ?? '').trim());
      while (numbers.at(-1) === '') numbers.pop();
      if (numbers.length < least || numbers.includes('')) throw new Wrong(`${least} numbers are needed.`);
      return numbers.map((part) => number(part, field));
    }
    case 'lines':
      return only
        .split('\n')
        .map((line) => line.trim())
        .filter(Boolean);
    case 'file':
      return undefined;
    case 'json':
      try {
        return JSON.parse(only) as unknown;
      } catch {
        // A bare word is meant as one where any value may stand.
        if (typesOf(field.schema).length === 0 && !/^[[{"]/.test(only.trim())) return only;
        throw new Wrong('This is not valid JSON. Put text in double quotes.');
      }
  }
}

/** All arguments, and what is wrong by the field's name. */
export function argumentsOf(
  fields: Field[],
  texts: Record<string, Given>,
): { args: Record<string, unknown>; wrong: Record<string, string> } {
  const args: Record<string, unknown> = {};
  const wrong: Record<string, string> = {};
  for (const field of fields) {
    try {
      const value = meant(field, texts[field.name]);
      if (value !== undefined) args[field.name] = value;
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      wrong[field.name] = error.message;
    }
  }
  return { args, wrong };
}
