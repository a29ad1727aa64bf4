/** Who judges a Trial, and where. */
import { EnvVars, User } from './environment.ts';
import { choice, rules, seconds, text, Type } from './schema.ts';
import { BuildTemplate } from './task-build.ts';

export const VERIFIER_MODES = ['Shared', 'Separate'] as const;
export type VerifierMode = (typeof VERIFIER_MODES)[number];

export const Verifier = Type.Object(
  {
    mode: Type.Optional(
      choice(
        [...VERIFIER_MODES],
        'Where the tests run: in the agent’s container or in one of their own, which only artifacts reach; default: as task.toml says, else as the namespace or the installation does, else Shared.',
      ),
    ),
    image: Type.Optional(
      text(
        1024,
        'Image of a separate verifier, which has the tests in /tests; default: of task.toml, else built from the Dockerfile of the tests, else the agent’s with the tests put into it.',
        { minLength: 1 },
      ),
    ),
    build: Type.Optional(BuildTemplate),
    timeoutSeconds: Type.Optional(
      seconds('Timeout of the verifier; default: the one in task.toml, else 600.', { minimum: 1 }),
    ),
    env: Type.Optional(EnvVars('Variables for the verifier only.')),
    user: Type.Optional(
      User('User of the verifier; default: the one in task.toml, then the one in environment.'),
    ),
    disabled: Type.Boolean({
      default: false,
      description: 'Ends the Trial after the agent, without a reward.',
    }),
  },
  {
    default: {},
    description: 'Who judges it.',
    ...rules(
      {
        rule: '!has(self.image) || !has(self.build)',
        message: 'verifier.image and verifier.build are two ways to say the same; remove one',
        reason: 'FieldValueForbidden',
      },
      {
        rule: "!has(self.image) && !has(self.build) || has(self.mode) && self.mode == 'Separate'",
        message:
          'only a separate verifier has an image of its own; add verifier.mode: Separate, or remove verifier.image and verifier.build',
        reason: 'FieldValueForbidden',
      },
    ),
  },
);
