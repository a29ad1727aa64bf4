/** In which order the files of stories come, and which of them go on beside each other. */
import { basename } from 'node:path';

export interface Stage {
  files: string[];
  /** So many processes take one file after another; 1: all in the process that leads. */
  jobs: number;
}

const JOBS = 3;
/** Come first, so that none of them is waited for alone at the end. */
const LONGEST = ['cli-terminal', 'lifecycle', 'cli', 'builds', 'admission'];
/** What takes the operator away, and beside it what can do without. */
const WITHOUT_OPERATOR = [
  'faults-operator',
  'faults-sb',
  'image-builder',
  'aws-codebuild',
  'api',
  'admission-policies',
];
/** What needs the whole cluster for itself, and at last what must hold after all. */
const ALONE = [
  'cli-doctor',
  'faults-api-server',
  'faults-broker',
  'faults-cluster',
  'faults-storage',
  'aws',
  'invariants',
];

/** Those of the files that have these names, in the order of the names. */
const named = (files: string[], names: string[]): string[] =>
  names.flatMap((name) => files.filter((file) => basename(file) === `${name}.test.ts`));

/** Each file is in one stage: in the first one, where it has no place of its own. */
export function stagesOf(files: string[]): Stage[] {
  const withoutOperator = named(files, WITHOUT_OPERATOR);
  const alone = named(files, ALONE);
  const others = files.filter((file) => ![...withoutOperator, ...alone].includes(file));
  return [
    { files: [...new Set([...named(others, LONGEST), ...others])], jobs: JOBS },
    { files: withoutOperator, jobs: JOBS },
    { files: alone, jobs: 1 },
  ];
}
