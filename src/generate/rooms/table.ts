/** The table of rooms in `docs/architecture.md`. Pure. */
import { between } from '../in-page.ts';
import type { House, Room } from './rooms.ts';

const MARKS = ['<!-- rooms.json: this table is generated -->', '<!-- end of the table -->'] as const;

/** The page with the table as `rooms.json` has it now. Throws where the page has no place for it. */
export const withTable = (page: string, house: House): string => between(page, MARKS, tableOf(house));

const tableOf = ({ rooms }: House): string =>
  ['| room | is | may import |', '| --- | --- | --- |', ...rooms.map(rowOf), ''].join('\n');

const rowOf = (room: Room): string => `| \`${room.name}\` | ${room.is} | ${allowedBy(room)} |`;

function allowedBy({ may, types = [], packages = [], apart }: Room): string {
  if (may === 'anything') return 'anything';
  const parts = [
    ...(may.length > 0 ? [may.map(code).join(', ')] : []),
    ...(types.length > 0 ? [`types of ${types.map(code).join(', ')}`] : []),
    ...(packages.length > 0 ? [`packages ${packages.map(code).join(', ')}`] : []),
    ...(apart === undefined ? [] : [`no folder of \`${apart}\` beside its own`]),
  ];
  return parts.length === 0 ? 'nothing of ours' : parts.join('; ');
}

const code = (name: string): string => `\`${name}\``;
