/** What a run would do, in documents: what its manifests leave to the tasks. */
import { Type } from 'typebox';
import { VERIFIER_MODES } from '../../crds/verifier.ts';
import { Fields, Flag, OneOf, OrNull, Text, Texts, Whole } from './words.ts';

const Gpus = Fields({ count: Whole('At least 1.'), types: Texts('Any of them; empty: of any type.') });
export type GpusOutline = Type.Static<typeof Gpus>;

const Verifier = Fields({
  timeout_seconds: Whole('Timeout.'),
  mode: OrNull(
    OneOf(VERIFIER_MODES, 'Null: as the namespace or the installation says, which this command did not ask.'),
  ),
  container: Type.Optional(
    Fields(
      {
        image: Type.Optional(Text('Missing where it is built.')),
        built_from: Type.Optional(Text('Folder of the task.')),
        has_tests: Flag('False: it is the agent’s image, and the tests are put into it.'),
        gpus: Type.Optional(Gpus),
      },
      { description: 'Of a separate verifier.' },
    ),
  ),
});

const Network = Fields({
  mode: OneOf(['None', 'Allowlist'], 'Less than the internet.'),
  hosts: Texts('Of an allowlist.'),
});

/** By phase: those that may reach less than the internet. */
const Networks = Fields({
  environment: Type.Optional(Network),
  agent: Type.Optional(Network),
  verifier: Type.Optional(Network),
});

const Step = Fields({
  name: OrNull(Text('Null: the task has no steps, and this is all of it.')),
  agent: Fields({ timeout_seconds: OrNull(Whole('Null: it has none.')) }),
  verifier: Verifier,
  networks: Type.Optional(Networks),
});
export type StepOutline = Type.Static<typeof Step>;

/** A task that has steps, GPUs, services, a separate verifier or less than the internet. */
export const TaskOutline = Fields({
  task: Text('Its name.'),
  agents: Texts('Who does it that way.'),
  gpus: Type.Optional(Gpus),
  services: Type.Optional(Texts('Services beside main, in the order in which they start.')),
  steps: Type.Array(Step),
});
export type TaskOutline = Type.Static<typeof TaskOutline>;
