// Time as people read it, and one clock for the whole page, so that all ages tick together.

import { isUnderWay, type Call } from './wire';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

class Clock {
  now = $state(Date.now());

  constructor() {
    setInterval(() => {
      if (document.visibilityState === 'visible') this.now = Date.now();
    }, SECOND);
    document.addEventListener('visibilitychange', () => (this.now = Date.now()));
  }
}

export const clock = new Clock();

/** `4 s`, `3 min`, `2 h 10 min`, `5 d`. */
export function span(ms: number): string {
  const left = Math.max(0, ms);
  if (left < MINUTE) return `${Math.floor(left / SECOND)} s`;
  if (left < HOUR) return `${Math.floor(left / MINUTE)} min`;
  if (left < DAY) {
    const minutes = Math.floor((left % HOUR) / MINUTE);
    return `${Math.floor(left / HOUR)} h${minutes ? ` ${minutes} min` : ''}`;
  }
  return `${Math.floor(left / DAY)} d`;
}

/** How long ago, by the page's clock. */
export function ago(time: string): string {
  const ms = clock.now - Date.parse(time);
  return ms < 2 * SECOND ? 'now' : `${span(ms)} ago`;
}

/** When it was, or how long it has been under way: `running 17 s`, `waiting 3 min`, `17 s ago`. */
export function since(call: Call, began: number | undefined): string {
  const from = (time: number): string => span(clock.now - time);
  if (!isUnderWay(call.status)) return ago(call.asked_at);
  return call.status === 'running'
    ? `running ${from(began ?? Date.parse(call.asked_at))}`
    : `waiting ${from(Date.parse(call.asked_at))}`;
}

/** `0.4 ms`, `12 ms`, `1.4 s`, `3 min`. */
export function took(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < MINUTE) return `${(ms / SECOND).toFixed(1)} s`;
  return span(ms);
}

const sameDay = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const otherDay = new Intl.DateTimeFormat(undefined, {
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
});

/** The time of day, with the date where it is not today. */
export function atTime(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return '';
  const isToday = date.toDateString() === new Date(clock.now).toDateString();
  return (isToday ? sameDay : otherDay).format(date);
}
