/** Policies about how large a Trial and a TaskBuild may be: the operator keeps every one of them in memory. */
import { GROUP } from '../../crds/names.ts';
import { listAt, mapAt, type PolicyOptions } from './policy.ts';

/** Bytes of all that a user may write at length into one Trial: variables, scripts, commands, build arguments. */
export const TRIAL_MAX_BYTES = 128 * 1024;
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

const ARGS_RULE = {
  rule: `variables.buildArgs <= ${BUILD_ARGS_MAX_BYTES}`,
  message: `more than ${BUILD_ARGS_MAX_BYTES} bytes of buildArgs`,
};

/** A spec is immutable, so that its size is asked for when it is created; what is there already can still be cancelled. */
const trials: PolicyOptions = {
  about: 'trials',
  match: { group: GROUP, resources: ['trials'], operations: ['CREATE'] },
  variables: { buildArgs: buildArgs('object.spec.?environment.?build.?buildArgs'), size },
  holds: [
    {
      ...ARGS_RULE,
      messageExpression: `'spec.environment.build.buildArgs: ' + string(variables.buildArgs) + ' bytes of names and values, more than ${BUILD_ARGS_MAX_BYTES}; put them into files of the build context'`,
    },
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
  holds: [
    {
      ...ARGS_RULE,
      messageExpression: `'spec.buildArgs: ' + string(variables.buildArgs) + ' bytes of names and values, more than ${BUILD_ARGS_MAX_BYTES}; put them into files of the context'`,
    },
  ],
};

export const SIZES: readonly PolicyOptions[] = [trials, taskBuilds];
