/** Rules about what task.toml says. */
import type { TaskConfig } from '../index.ts';
import { overlaps } from './artifacts.ts';
import type { RuleName } from './rules.ts';
import type { Verification } from './verifier.ts';

/** Something that a field of task.toml says. */
export interface FieldFinding {
  rule: RuleName;
  path: (string | number)[];
  message: string;
}

export function configFindings(config: TaskConfig, verifications: readonly Verification[]): FieldFinding[] {
  return [
    ...sharedVerifier(verifications),
    ...rootAgent(config),
    ...overlaps(config, verifications),
    ...unpinned(config),
  ];
}

function sharedVerifier(verifications: readonly Verification[]): FieldFinding[] {
  const first = verifications.find(({ separate }) => !separate);
  if (!first) return [];
  return [
    {
      rule: 'shared-verifier',
      path: first.step ? ['steps', first.step.index, 'verifier'] : ['verifier', 'environment_mode'],
      message:
        'the verifier runs in the container that the agent had; expected environment_mode = "separate" under [verifier]',
    },
  ];
}

const isRoot = (user: string | number | undefined): boolean =>
  user === undefined || ['0', 'root'].includes(String(user).split(':')[0] ?? '');

function rootAgent({ agent, steps = [] }: TaskConfig): FieldFinding[] {
  const users: { path: (string | number)[]; user: string | number | undefined }[] =
    steps.length === 0
      ? [{ path: ['agent', 'user'], user: agent.user }]
      : steps.map((step, index) => ({
          path: ['steps', index, 'agent', 'user'],
          user: step.agent.user ?? agent.user,
        }));
  return users
    .filter(({ user }) => isRoot(user))
    .map(({ path, user }) => ({
      rule: 'root-agent',
      path,
      message: `the agent's user is ${user === undefined ? 'not set, and so root in most images' : String(user)}; expected user under [agent] to be another than root`,
    }));
}

/** What needs no digest: nothing, a variable that is not known here, and a digest. */
export const isPinned = (image: string): boolean =>
  image === 'scratch' || image.includes('$') || /@sha256:[0-9a-f]{64}$/i.test(image);

function unpinned({ environment, verifier, steps = [] }: TaskConfig): FieldFinding[] {
  const images = [
    { path: ['environment'], image: environment.docker_image },
    { path: ['verifier', 'environment'], image: verifier.environment?.docker_image },
    ...steps.map(({ verifier: own }, index) => ({
      path: ['steps', index, 'verifier', 'environment'],
      image: own.environment?.docker_image,
    })),
  ];
  return images.flatMap(({ path, image }): FieldFinding[] =>
    image === undefined || isPinned(image)
      ? []
      : [
          {
            rule: 'unpinned-image',
            path: [...path, 'docker_image'],
            message: `the image "${image}" may become another at any time; expected image@sha256:<digest>`,
          },
        ],
  );
}
