/** What `-o jsonl` prints while a run goes on, a line each. */
import { Type } from 'typebox';
import { ErrorGroup, summaryFields } from './run.ts';
import { State, trialFields } from './trial.ts';
import { Fields, OrNull, Text, Time } from './words.ts';

const head = { time: Time('Of the event.'), run: Text('Its name.') };

/** A Trial has come into another state, or waits for another reason. */
export const TrialEvent = Fields({
  event: Type.Literal('trial'),
  ...head,
  before: OrNull(State),
  ...trialFields,
});
export type TrialEvent = Type.Static<typeof TrialEvent>;

/** Something to know that is no Trial’s: a lost connection, a problem with results. */
export const NoteEvent = Fields({ event: Type.Literal('note'), ...head, message: Text('For people.') });
export type NoteEvent = Type.Static<typeof NoteEvent>;

/** The last event. */
export const SummaryEvent = Fields({
  event: Type.Literal('summary'),
  ...head,
  ...summaryFields,
  errors: Type.Array(ErrorGroup),
});
export type SummaryEvent = Type.Static<typeof SummaryEvent>;

export const RunEvent = Type.Union([TrialEvent, NoteEvent, SummaryEvent]);
