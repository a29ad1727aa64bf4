/** In which order the files of stories come, and which of them go on beside each other. Files are named by how their names begin. */
import { basename } from 'node:path';

export interface Stage {
  files: string[];
  /** So many processes take one file after another; 1: all in the process that leads. */
  jobs: number;
}

/** They mostly wait for Pods. */
const JOBS = 3;
/** Come first, so that none of them is waited for alone at the end. */
const LONGEST = ['faults-sb.', 'cli-terminal', 'lifecycle', 'cli.', 'builds', 'sandbox.', 'admission.'];
/** What takes the operator away, and beside it what can do without. */
const WITHOUT_OPERATOR = ['faults-operator', 'image-builder', 'aws-codebuild', 'api.', 'admission-policies'];
/** What needs the whole cluster for itself, and at last what must hold after all. */
const ALONE = ['cli-doctor', 'helm-install', 'faults-', 'aws', 'invariants', 'operate'];

/** Takes the files with these names out, in the order of the names. */
function taken(files: string[], names: string[]): string[] {
  const found = names.flatMap((name) => files.filter((file) => basename(file).startsWith(name)));
  files.splice(0, files.length, ...files.filter((file) => !found.includes(file)));
  return found;
}

/** Each file is in one stage. */
export function stagesOf(files: readonly string[]): Stage[] {
  const others = files.toSorted();
  const longest = taken(others, LONGEST);
  const withoutOperator = taken(others, WITHOUT_OPERATOR);
  const alone = taken(others, ALONE);
  return [
    { files: [...longest, ...others], jobs: JOBS },
    { files: withoutOperator, jobs: JOBS },
    { files: alone, jobs: 1 },
  ];
}
