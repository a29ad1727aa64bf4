/** Where a stack stands, of what CloudFormation has two dozen words for. Pure. */
import { TAGS } from '../../../installation/aws/names.ts';
import type { Stack } from '../../../providers/stacks/port.ts';

export type Phase =
  /** There is none, or none any more. */
  | 'none'
  /** Changes were planned and never made: it is empty. */
  | 'empty'
  /** Something is done to it. */
  | 'busy'
  /** It is deleted. */
  | 'going'
  | 'ready'
  /** It never came to be, or could not be deleted whole: it can only be deleted. */
  | 'dead'
  /** It could be neither changed nor set back. */
  | 'stuck';

const PHASES: Readonly<Record<string, Phase>> = {
  DELETE_COMPLETE: 'none',
  REVIEW_IN_PROGRESS: 'empty',
  DELETE_IN_PROGRESS: 'going',
  DELETE_FAILED: 'dead',
  CREATE_FAILED: 'dead',
  ROLLBACK_COMPLETE: 'dead',
  ROLLBACK_FAILED: 'dead',
  UPDATE_FAILED: 'stuck',
  UPDATE_ROLLBACK_FAILED: 'stuck',
  IMPORT_ROLLBACK_FAILED: 'stuck',
};

export function phaseOf(stack: Pick<Stack, 'status'> | undefined): Phase {
  if (!stack) return 'none';
  return PHASES[stack.status] ?? (stack.status.endsWith('_IN_PROGRESS') ? 'busy' : 'ready');
}

/** As all our templates are described. */
const DESCRIBED = 'sb-operator: ';

/** Why a stack of our name is not of this installation; undefined where it is. An empty one is nobody's: it has neither tags nor resources. */
export function foreign(stack: Stack, installation: string): string | undefined {
  const tag = stack.tags[TAGS.stack];
  if (phaseOf(stack) === 'empty' && tag === undefined && stack.description === '') return undefined;
  if (tag !== installation)
    return tag === undefined
      ? `it has no tag ${TAGS.stack}`
      : `its tag ${TAGS.stack} is ${JSON.stringify(tag)}, not ${JSON.stringify(installation)}`;
  return stack.description.startsWith(DESCRIBED) || phaseOf(stack) === 'empty'
    ? undefined
    : `its description is ${JSON.stringify(stack.description)}, not one of sb-operator’s`;
}
