/** What a task folder must hold, depending on its task.toml. */
import { COMPOSE_FILE } from '../compose/document.ts';
import type { Problem } from '../toml/problems.ts';
import type { StepConfig, TaskConfig, VerifierConfig } from '../toml/schema.ts';
import { readablePaths } from './walk.ts';
import type { Found } from './walk.ts';

/** Every file that is missing. */
export function checkLayout(
  config: TaskConfig,
  { files, ignored, problems }: Pick<Found, 'files' | 'ignored' | 'problems'>,
): Problem[] {
  const paths = readablePaths({ files });
  // What lies below a folder that is told of already is not known.
  const isUnseen = (path: string): boolean => problems.some(({ field }) => path.startsWith(`${field}/`));
  return neededFiles(config, paths)
    .filter(({ anyOf }) => !anyOf.some((path) => paths.has(path) || isUnseen(path)))
    .map(({ anyOf: [field], why }) => {
      const hidden = ignored.some(
        (entry) => entry === field || (entry.endsWith('/') && field.startsWith(entry)),
      );
      const message = `${field} is ${hidden ? 'left out by .harborignore' : 'missing'}; expected ${why}`;
      return { field, message };
    })
    .concat(
      ignored.filter(isSolution).map((field) => ({
        field,
        message: `${field} is left out by .harborignore; the agent oracle needs it`,
      })),
    );
}

const isSolution = (path: string): boolean => /^(steps\/[^/]+\/)?solution\/solve\.sh$/.test(path);

interface Need {
  /** One of these files; the first is named in the report. */
  anyOf: [string, ...string[]];
  why: string;
}

function neededFiles(config: TaskConfig, paths: Set<string>): Need[] {
  const { docker_image: image, os } = config.environment;
  // What a task of Windows needs is for what runs Windows to judge; that this does not is said of its field.
  if (os === 'windows') return [];
  const test = 'test.sh';
  const steps = config.steps ?? [];
  const environment: Need = {
    anyOf: ['environment/Dockerfile', COMPOSE_FILE],
    why: `it, or ${COMPOSE_FILE}, or docker_image under [environment] in task.toml`,
  };
  return [
    ...(image === undefined ? [environment] : []),
    ...(steps.length === 0 ? neededOfTask(config, paths, test) : []),
    ...steps.flatMap((step) => neededOfStep(config, step, { paths, test })),
  ];
}

function neededOfTask(config: TaskConfig, paths: Set<string>, test: string): Need[] {
  const instruction: Need = { anyOf: ['instruction.md'], why: 'what the agent is told to do' };
  if (bringsTests(config, paths)) return [instruction];
  return [instruction, { anyOf: [`tests/${test}`], why: 'the script that writes the reward' }];
}

function neededOfStep(
  config: TaskConfig,
  step: StepConfig,
  { paths, test }: { paths: Set<string>; test: string },
): Need[] {
  const instruction: Need = {
    anyOf: [`steps/${step.name}/instruction.md`],
    why: 'what the agent is told to do in this step',
  };
  if (bringsTests(config, paths, step)) return [instruction];
  return [
    instruction,
    {
      anyOf: [`steps/${step.name}/tests/${test}`, `tests/${test}`],
      why: `it, or tests/${test} for all steps`,
    },
  ];
}

const isSeparate = ({ environment_mode: mode, environment }: VerifierConfig): boolean =>
  mode === undefined ? environment !== undefined : mode === 'separate';

/** Whether the verifier's image has the tests in it already: a separate one with an image or Dockerfile of its own. */
function bringsTests(config: TaskConfig, paths: Set<string>, step?: StepConfig): boolean {
  const own = step && (step.verifier.environment_mode ?? step.verifier.environment) !== undefined;
  if (!isSeparate(own ? step.verifier : config.verifier)) return false;
  const folders = step ? [`steps/${step.name}/tests`, 'tests'] : ['tests'];
  const images = [step?.verifier.environment?.docker_image, config.verifier.environment?.docker_image];
  return (
    images.some((image) => image !== undefined) ||
    folders.some((folder) => paths.has(`${folder}/Dockerfile`) || paths.has(`${folder}/docker-compose.yaml`))
  );
}
