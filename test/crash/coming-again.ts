/** Scripts of Trials that somebody deletes after their end, and that come again. */
import { conditionOf } from '../../src/crds/conditions.ts';
import type { Trial, TrialSpec } from '../../src/crds/trial.ts';
import { isTerminal } from './invariants.ts';
import type { Script } from './scripts.ts';
import type { World } from './world.ts';

const ended = new WeakMap<World, Trial>();

/** Once it has ended, and is in the index. */
const deleteTrial = async (world: World): Promise<boolean> => {
  const trial = world.trial('hello');
  if (!trial || !isTerminal(trial) || !(await world.isIndexed(trial))) return false;
  ended.set(world, trial);
  world.remove('hello');
  return true;
};

const applyAgain =
  (spec: Partial<TrialSpec> = {}) =>
  (world: World): boolean => {
    const trial = ended.get(world);
    if (!trial || world.trial('hello')) return false;
    world.applyAgain({ ...trial, spec: { ...trial.spec, ...spec } });
    return true;
  };

/** Of Trials that were deleted, too. */
const ran = (...expected: string[]) => ({
  endings: expected.length,
  wrong: ({ invariants }: World): string[] => {
    const found = [...invariants.ended.values()].map(
      ({ status = {} }) =>
        `${conditionOf({ status }, 'Succeeded')?.reason}, ${status.attempts?.length ?? 0} attempts`,
    );
    return found.join('; ') === expected.join('; ') ? [] : [`they ended so: ${found.join('; ')}`];
  },
});

export const comingAgain: Script[] = [
  {
    name: 'a Trial that is deleted after its end and applied again, which runs nothing',
    meanwhile: [deleteTrial, applyAgain()],
    ends: ['AlreadyRan'],
    ...ran('RewardObtained, 1 attempts', 'AlreadyRan, 0 attempts'),
  },
  {
    name: 'a Trial that is applied again after its tests left no reward',
    fate: () => ({ kind: 'failed', reason: 'RewardMissing' }),
    meanwhile: [deleteTrial, applyAgain()],
    ends: ['RewardMissing'],
    ...ran('RewardMissing, 1 attempts', 'RewardMissing, 0 attempts'),
  },
  {
    name: 'a Trial that is applied again and is to run always',
    meanwhile: [deleteTrial, applyAgain({ rerun: 'Always' })],
    ...ran('RewardObtained, 1 attempts', 'RewardObtained, 1 attempts'),
  },
];
