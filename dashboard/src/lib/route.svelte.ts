// Which room is open. It stands behind `#` in the address, so that back, forward and bookmarks work.

export type Room = 'stage' | 'work' | 'console';
const ROOMS: readonly string[] = ['stage', 'work', 'console'];

class Route {
  room = $state<Room>('stage');
  /** What of the room is open: a call's id, for example. */
  part = $state('');

  constructor() {
    this.#read();
    addEventListener('hashchange', () => this.#read());
  }

  go(room: Room, part = ''): void {
    const hash = `#/${room}${part && `/${encodeURIComponent(part)}`}`;
    if (location.hash !== hash) location.hash = hash;
  }

  /** The room itself again, where what was open is no longer what is looked at; back does not lead there. */
  leave(): void {
    if (this.part) location.replace(`#/${this.room}`);
  }

  #read(): void {
    const [, room = '', part = ''] = location.hash.split('/');
    this.room = ROOMS.includes(room) ? (room as Room) : 'stage';
    this.part = decodeURIComponent(part);
  }
}

export const route = new Route();
