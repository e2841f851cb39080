// Small pieces of wording that several rooms share.
import type { Call, Changes, Instance, Item } from './wire';

const NAMES_MAX = 3;

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

/** A value on one line, cut. */
export function brief(value: unknown, max = 120): string {
  if (value === undefined || value === null) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value, null, 1).replace(/\s*\n\s*/g, ' ');
  return text.length > max ? `${text.slice(0, max - 1)}…` : text;
}

export const fileName = (path: string): string => path.split(/[\\/]/).at(-1) ?? path;

/** `4.5.15 · window`, as an artist says it. */
export function kindOf(instance: Instance): string {
  const how = { gui: 'with a window', background: 'in background', module: 'as a Python module' }[
    instance.mode
  ];
  return [instance.version, how].filter(Boolean).join(' · ');
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
