/** Which of a task's files a step works with. Harbor's rules. */

/** Paths within the task's folder. */
export interface StepFiles {
  instruction: string;
  /** Folder with `solve.sh` and what that needs: the step's own, else the one of all steps. */
  solution: string;
  /** Folders whose contents make up `/tests`, a later one's over an earlier one's. */
  tests: string[];
  /** The script in it: the step's own, else the one of all steps. */
  test: string;
  /** Folder whose contents are put into the working directory, and in which a `setup.sh` is run; few steps have it. */
  workdir?: string;
}

export const SOLVE = 'solve.sh';
export const TEST = 'test.sh';
/** In a step's `workdir/`. */
export const SETUP = 'setup.sh';

const OF_TASK: StepFiles = {
  instruction: 'instruction.md',
  solution: 'solution',
  tests: ['tests'],
  test: `tests/${TEST}`,
};

/** The files of the step `name`; without a name those of a task without `[[steps]]`. `has` tells whether the task has a file of that path. */
export function stepFiles(name: string | undefined, has: (path: string) => boolean): StepFiles {
  if (name === undefined) return OF_TASK;
  const folder = `steps/${name}`;
  const own = { solution: `${folder}/solution`, test: `${folder}/tests/${TEST}` };
  const isShared = (mine: string, all: string): boolean => !has(mine) && has(all);
  return {
    instruction: `${folder}/instruction.md`,
    solution: isShared(`${own.solution}/${SOLVE}`, `${OF_TASK.solution}/${SOLVE}`)
      ? OF_TASK.solution
      : own.solution,
    tests: [...OF_TASK.tests, `${folder}/tests`],
    test: isShared(own.test, OF_TASK.test) ? OF_TASK.test : own.test,
    workdir: `${folder}/workdir`,
  };
}
