/** Policies about how large a Trial, a TaskBuild and a Sandbox may be: the operator keeps every one of them in memory. */
import { GROUP } from '../../crds/names.ts';
import { listAt, mapAt, type PolicyOptions } from './policy.ts';

/** Bytes of all that a user may write at length into one Trial: variables, scripts, commands, build arguments. */
export const TRIAL_MAX_BYTES = 128 * 1024;
/** The same of a Sandbox. */
export const SANDBOX_MAX_BYTES = TRIAL_MAX_BYTES;
/** Bytes of all build arguments. */
export const BUILD_ARGS_MAX_BYTES = 64 * 1024;

const bytes = (path: string): string => `size(bytes(${path}.orValue('')))`;
const sum = (list: string, each: string): string => `${list}.map(it, ${each}).sum()`;

const variables = (path: string): string =>
  sum(listAt(`${path}.?env`), `size(bytes(it.name)) + ${bytes('it.?value')}`);
const ofStep = [
  'size(bytes(step.name))',
  variables('step.?verifier'),
  sum(mapAt('step.?minRewards'), 'size(bytes(it))'),
].join(' + ');
const buildArgs = (path: string): string => {
  const args = mapAt(path);
  return sum(args, `size(bytes(it)) + size(bytes(${args}[it]))`);
};

const size = [
  ...['environment', 'agent', 'verifier'].map((part) => variables(`object.spec.?${part}`)),
  `${listAt('object.spec.?steps')}.map(step, ${ofStep}).sum()`,
  ...['agent.?install', 'agent.?run', 'environment.?healthcheck.?command'].map((text) =>
    bytes(`object.spec.?${text}`),
  ),
  sum(
    listAt('object.spec.?artifacts'),
    `size(bytes(it.source)) + ${bytes('it.?destination')} + it.?exclude.orValue([]).map(one, size(bytes(one))).sum()`,
  ),
  'variables.buildArgs',
].join(' + ');

/** `field`: where they are. */
const argsRule = (field: string): PolicyOptions['holds'][number] => ({
  rule: `variables.buildArgs <= ${BUILD_ARGS_MAX_BYTES}`,
  message: `more than ${BUILD_ARGS_MAX_BYTES} bytes of buildArgs`,
  messageExpression: `'${field}: ' + string(variables.buildArgs) + ' bytes of names and values, more than ${BUILD_ARGS_MAX_BYTES}; put them into files of the build context'`,
});

/** A spec is immutable, so that its size is asked for when it is created; what is there already can still be cancelled. */
const trials: PolicyOptions = {
  about: 'trials',
  match: { group: GROUP, resources: ['trials'], operations: ['CREATE'] },
  variables: { buildArgs: buildArgs('object.spec.?environment.?build.?buildArgs'), size },
  holds: [
    argsRule('spec.environment.build.buildArgs'),
    {
      rule: `variables.size <= ${TRIAL_MAX_BYTES}`,
      message: `more than ${TRIAL_MAX_BYTES} bytes of variables, scripts and commands`,
      messageExpression: `'spec: ' + string(variables.size) + ' bytes of variables, scripts, commands, artifacts and build arguments, more than ${TRIAL_MAX_BYTES}; put what is large into files of the task or into a Secret'`,
    },
  ],
};

const taskBuilds: PolicyOptions = {
  about: 'taskbuilds',
  match: { group: GROUP, resources: ['taskbuilds'], operations: ['CREATE'] },
  variables: { buildArgs: buildArgs('object.spec.?buildArgs') },
  holds: [argsRule('spec.buildArgs')],
};

const sandboxes: PolicyOptions = {
  about: 'sandboxes',
  match: { group: GROUP, resources: ['sandboxes'], operations: ['CREATE'] },
  variables: {
    buildArgs: buildArgs('object.spec.?build.?buildArgs'),
    size: `${variables('object.spec')} + variables.buildArgs`,
  },
  holds: [
    argsRule('spec.build.buildArgs'),
    {
      rule: `variables.size <= ${SANDBOX_MAX_BYTES}`,
      message: `more than ${SANDBOX_MAX_BYTES} bytes of variables`,
      messageExpression: `'spec: ' + string(variables.size) + ' bytes of variables and build arguments, more than ${SANDBOX_MAX_BYTES}; write what is large into a file of the Sandbox, or put it into a Secret'`,
    },
  ],
};

export const SIZES: readonly PolicyOptions[] = [trials, taskBuilds, sandboxes];
