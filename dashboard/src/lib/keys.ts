// Shortcuts: one table, which the help sheet shows too. Letters work where nobody types, and can be switched off.
import { looks } from './theme.svelte';

export interface Shortcut {
  keys: string;
  what: string;
  run: () => void;
}

/** Between the two keys of `g s`. */
const PAIR_WITHIN_MS = 900;

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable ||
    /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) ||
    target.shadowRoot !== null);

export function listen(shortcuts: () => Shortcut[]): () => void {
  let first = '';
  let at = 0;
  const hear = (event: KeyboardEvent): void => {
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.defaultPrevented || !isPlain || !looks.letters || isTyping(event.target)) return;
    if (document.querySelector('dialog[open]')) return;
    const pair = event.timeStamp - at < PAIR_WITHIN_MS ? `${first} ${event.key}` : '';
    const found = shortcuts().find(({ keys }) => keys === pair || keys === event.key);
    first = event.key;
    at = event.timeStamp;
    if (!found) return;
    event.preventDefault();
    first = '';
    found.run();
  };
  addEventListener('keydown', hear);
  return () => removeEventListener('keydown', hear);
}
