// Light or dark: as the system has it, until the person chooses.
const KEY = 'kapelle.theme';

export type Theme = 'system' | 'light' | 'dark';

class Looks {
  theme = $state<Theme>('system');
  /** Whether single letters are shortcuts: they can be in the way of speech input. */
  letters = $state(true);

  constructor() {
    const kept = localStorage.getItem(KEY);
    if (kept === 'light' || kept === 'dark') this.set(kept);
    this.letters = localStorage.getItem(`${KEY}.letters`) !== 'off';
  }

  set(theme: Theme): void {
    this.theme = theme;
    if (theme === 'system') {
      delete document.documentElement.dataset['theme'];
      localStorage.removeItem(KEY);
      return;
    }
    document.documentElement.dataset['theme'] = theme;
    localStorage.setItem(KEY, theme);
  }

  turn(): void {
    const order: Theme[] = ['system', 'light', 'dark'];
    this.set(order[(order.indexOf(this.theme) + 1) % order.length] ?? 'system');
  }

  setLetters(on: boolean): void {
    this.letters = on;
    localStorage.setItem(`${KEY}.letters`, on ? 'on' : 'off');
  }
}

export const looks = new Looks();
