/** Researchers in documents. */
import { Type } from 'typebox';
import { Fields, Flag, OrNull, Text, type Documents } from './words.ts';

const ResearcherRow = Fields({
  researcher: Text('Their name, which is that of their namespace.'),
  group: Text('The group of Kubernetes that they are in.'),
  role: OrNull(Text('ARN of the IAM role whose sessions are theirs.')),
  monthly_budget_usd: OrNull(
    Type.Number({ description: 'What a month may cost; null where nobody can read what was written.' }),
  ),
  month: Text('The month that is counted, such as 2026-11, in UTC.'),
  spent_usd: Type.Number({ description: 'What it has cost, as it was written down last.' }),
  exceeded: Flag('The budget is spent: nothing starts.'),
});
export type ResearcherRow = Type.Static<typeof ResearcherRow>;

const ResearcherRemoved = Fields({
  researcher: Text('Their name.'),
  deleted: Flag('False where nobody agreed.'),
});
export type ResearcherRemoved = Type.Static<typeof ResearcherRemoved>;

/** Their documents, by the name of their schema. */
export const RESEARCHER_DOCUMENTS = {
  researcher: { title: 'A researcher', schema: ResearcherRow },
  'researcher-list': { title: 'The researchers of a cluster', schema: Type.Array(ResearcherRow) },
  'researcher-removed': { title: 'A researcher who was removed', schema: ResearcherRemoved },
} as const satisfies Documents;
