// What the hub says, by the names that the page uses. The forms are made from the hub's own description
// (openapi.ts); here they only get what the page adds: one list holds calls and jobs, and some problems are its own.
import type { components } from './openapi';

type Forms = components['schemas'];

/** The hub's, or the page's own, which knows less of it. */
export type Problem = Pick<Forms['Problem'], 'code' | 'message'> & Partial<Forms['Problem']>;
/** Of a call or a job; a job has some more. */
export type Status = Forms['JobStatus'];
export type Job = Forms['Job'];
/** A call or a job: where it stands, or its outcome. */
export type Call = Omit<Forms['Call'], 'status'> & { status: Status };
export type Instance = Forms['Instance'];
export type InstanceState = Instance['state'];
export type Item = Forms['Item'];
export type Changes = Forms['Changes'];
export type Progress = Forms['Progress'];
export type Share = Forms['Share'];
export type Worker = NonNullable<Share['workers']>[number];
export type Queue = Forms['Queue'];
export type QueueChange = Forms['QueueChange'];
export type JobChange = Forms['JobChange'];
export type Schema = Forms['ArgumentSchema'];
export type Command = Forms['Command'];
export type App = Forms['App'];
export type Program = Forms['Program'];
export type InstalledIn = Forms['InstalledIn'];
export type Me = Forms['Session'];
export type Picture = Forms['Picture'];
export type Event = Forms['Event'];
export type Message = Forms['Message'];
/** Answers of routes. */
export type Answers = Pick<
  Forms,
  'Apps' | 'Commands' | 'Hits' | 'History' | 'Instances' | 'Jobs' | 'Look' | 'Programs' | 'Blob'
>;

export const isUnderWay = (status: Status): boolean =>
  status === 'queued' || status === 'leased' || status === 'running';
