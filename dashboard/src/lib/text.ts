// Small pieces of wording that several rooms share.
import type { Call, Changes, Instance, Item } from './wire';

const NAMES_MAX = 3;

/** What it is of: a file, an object, a frame; empty where the hub does not say, or only names a call by its id. */
export const subjectOf = (call: Call): string => withoutIds(call.subject ?? '');

function list(items: Item[]): string {
  // An object and its data often share a name.
  const all = [...new Set(items.map(({ name }) => name))];
  const names = all.slice(0, NAMES_MAX);
  const more = all.length - names.length;
  return names.join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** `added Cube, Lamp · changed Material`; empty when nothing changed. */
export function changesText(changes: Changes | undefined): string {
  if (!changes) return '';
  const parts: [string, Item[] | undefined][] = [
    ['added', changes.added],
    ['changed', changes.changed],
    ['removed', changes.removed],
  ];
  return parts
    .filter(([, items]) => items?.length)
    .map(([word, items]) => `${word} ${list(items ?? [])}`)
    .join(' · ');
}

export const hasChanges = (call: Call): boolean =>
  !!call.changes && call.changes.added.length + call.changes.changed.length + call.changes.removed.length > 0;

/** A problem's sentence for a line of a list: without ids of calls, which nobody reads there. */
export const withoutIds = (text: string): string =>
  text.replace(/ ?\(call_\w+(?:, [^()]*)?\)/g, '').replace(/ ?\bcall_\w{20,}/g, '');

/** A text on one line, cut at its end. */
export function oneLine(text: string, max = 120): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > max ? `${line.slice(0, max - 1)}…` : line;
}

/** Members and items of a value that are told in words. */
const TOLD_MAX = 3;

const isPlain = (value: unknown): value is string | number | boolean =>
  ['string', 'number', 'boolean'].includes(typeof value);
const isPath = (text: string): boolean => /^(\/|[A-Za-z]:[\\/])\S/.test(text) && !text.includes('\n');

function plain(value: string | number | boolean): string {
  if (typeof value === 'number')
    return Number.isInteger(value) ? String(value) : String(+value.toPrecision(4));
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return isPath(value) ? fileName(value) : value;
}

function listInWords(items: unknown[]): string {
  if (!items.length) return 'none';
  const names = items.map((item) => (isPlain(item) ? plain(item) : nameIn(item)));
  if (names.some((name) => name === null)) return `${items.length} ${items.length === 1 ? 'item' : 'items'}`;
  const more = names.length - TOLD_MAX;
  return names.slice(0, TOLD_MAX).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

const isListOfThings = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.some(
    (item) => typeof item === 'object' && item !== null && !Array.isArray(item) && nameIn(item) === null,
  );

function nameIn(value: unknown): string | null {
  const name = typeof value === 'object' && value !== null ? (value as { name?: unknown }).name : undefined;
  return typeof name === 'string' ? name : null;
}

/** Units that stand last in a member's name. */
const UNITS: Record<string, string> = { s: 's', ms: 'ms', mb: 'MB', px: 'px' };

/** `frames 12`, `duration 4 s`, `not ok`, `2 faults`; of a file its name alone. */
function memberInWords(name: string, member: string | number | boolean | unknown[]): string {
  const words = name.split('_');
  if (typeof member === 'boolean') return `${member ? '' : 'not '}${words.join(' ')}`;
  if (Array.isArray(member)) return `${member.length} ${words.join(' ')}`;
  const told = plain(member);
  if (name === 'path' || name === 'file') return told;
  const unit = words.length > 1 ? UNITS[words.at(-1) ?? ''] : undefined;
  return unit ? `${words.slice(0, -1).join(' ')} ${told} ${unit}` : `${words.join(' ')} ${told}`;
}

/** A value as a person would say it in half a line; its whole form is for the detail. */
export function inWords(value: unknown, max = 120): string {
  if (value === undefined || value === null) return '';
  if (isPlain(value)) return oneLine(plain(value), max);
  if (Array.isArray(value)) return oneLine(listInWords(value), max);
  const members = Object.entries(value).filter(([name]) => name !== 'name');
  // Of things that have no name it counts how many there are.
  const things = members.filter(([, member]) => isListOfThings(member));
  const parts = [...members.filter(([, member]) => isPlain(member)), ...things]
    .slice(0, TOLD_MAX)
    .map(([name, member]) => memberInWords(name, member as string | unknown[]));
  const name = nameIn(value);
  const told = [...(name === null ? [] : [name]), ...parts];
  if (told.length) return oneLine(told.join(' · '), max);
  const [[first, items] = ['', []]] = Object.entries(value);
  return Array.isArray(items) && first
    ? oneLine(`${first.replaceAll('_', ' ')}: ${listInWords(items)}`, max)
    : '';
}

export const fileName = (path: string): string => path.split(/[\\/]/).at(-1) ?? path;

/** `Blender 4.5.15 · in background`, as an artist says it. */
export function kindOf(instance: Instance, title: string): string {
  const how = { gui: 'with a window', background: 'in background', module: 'as a Python module' }[
    instance.mode
  ];
  return [[title, instance.version].filter(Boolean).join(' '), how].filter(Boolean).join(' · ');
}

/** The first picture that a value of a call names: a preview before the whole. */
export function pictureOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return null;
  const members = value as Record<string, unknown>;
  for (const name of ['preview', 'image', 'sheet', 'blob', 'last_picture', 'contact_sheet']) {
    const member = members[name];
    if (typeof member !== 'object' || member === null) continue;
    const { $blob, media_type } = member as { $blob?: unknown; media_type?: unknown };
    const isPicture = media_type === undefined || /^image\/(png|jpeg|webp)$/.test(String(media_type));
    if (typeof $blob === 'string' && isPicture) return $blob;
  }
  return null;
}
