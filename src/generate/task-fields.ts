/** The table of fields in `docs/tasks.md`. Pure. */
import { becomes, FIELD_ROWS } from '../tasks/fields.ts';
import { between } from './in-page.ts';

const MARKS = ['<!-- src/tasks/fields.ts: this table is generated -->', '<!-- end of the table -->'] as const;

/** The page with the table as `src/tasks/fields.ts` has it now. Throws where the page has no place for it. */
export const withFields = (page: string): string =>
  between(
    page,
    MARKS,
    [
      '| field | what becomes of it |',
      '| --- | --- |',
      ...FIELD_ROWS.map((row) => `| \`${row.field}\` | ${becomes(row)} |`),
      '',
    ].join('\n'),
  );
