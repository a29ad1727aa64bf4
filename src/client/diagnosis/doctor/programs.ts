/** Whether programs of agents can be built: their namespace, what its builds trust, and how they went. */
import { AGENTS_NAMESPACE, LABEL } from '../../../crds/names.ts';
import { AUTHORITIES, KUBECTL, NAMESPACE_LABEL, OPERATOR_LOG } from '../../../installation/names.ts';
import { agentsNamespace } from '../../../installation/operator.ts';
import { APPLY } from '../../../installation/overlays.ts';
import { operatorNamespace } from '../../session/client-config.ts';
import { isForbidden } from '../../../kube/errors.ts';
import { ConfigMap, Namespace } from '../../../kube/kinds.ts';
import { programsBuilt, type Programs } from '../../runs/agents/programs.ts';
import { fine, problem, skipped, warning, type Check, type Found, type Patient } from './check.ts';

export const programs: Check<Patient> = {
  name: 'programs',
  subject: `namespace ${AGENTS_NAMESPACE}`,
  async run({ session }) {
    const { kube } = session;
    const authorities = kube.get(ConfigMap, {
      namespace: await operatorNamespace(session),
      name: AUTHORITIES,
    });
    const [namespace, trusted, built] = await Promise.all([
      kube.get(Namespace, { namespace: '', name: AGENTS_NAMESPACE }).then(judgeNamespace).catch(unseen),
      authorities.then(judgeAuthorities).catch(unsaid),
      programsBuilt({ kube }),
    ]);
    return [namespace, ...trusted, ...judgeBuilds(built)];
  },
};

/** It is an admin's affair, and no user is to be warned for that. */
function unseen(error: unknown): Found {
  if (!isForbidden(error)) throw error;
  return skipped(
    `namespace ${AGENTS_NAMESPACE} could not be checked`,
    `it needs the right to get the namespace ${AGENTS_NAMESPACE}`,
  );
}

/** Few may read in the operator's namespace, and most installations have no such ConfigMap. */
function unsaid(error: unknown): Found[] {
  if (!isForbidden(error)) throw error;
  return [];
}

const NEEDED =
  'programs of agents are built there, unless the operator has SB_AGENT_PROGRAMS=Install; Trials of agents with a program would wait';

function judgeNamespace(found: Namespace | undefined): Found {
  if (!found) return problem(`there is no namespace ${AGENTS_NAMESPACE}`, NEEDED, APPLY);
  const { deletionTimestamp, labels = {}, annotations = {} } = found.metadata;
  if (deletionTimestamp !== undefined)
    return problem(`namespace ${AGENTS_NAMESPACE} is being deleted`, NEEDED, `${APPLY}    (once it is gone)`);
  const open = labels[NAMESPACE_LABEL.key] === NAMESPACE_LABEL.value;
  const lacks = [
    ...(open ? [] : [`the label ${NAMESPACE_LABEL.key}=${NAMESPACE_LABEL.value}`]),
    ...Object.entries(agentsNamespace().metadata.annotations ?? {}).flatMap(([name, value]) =>
      annotations[name] === value ? [] : [`the annotation ${name}=${value}`],
    ),
  ];
  if (lacks.length === 0) return fine(`programs of agents are built in namespace ${AGENTS_NAMESPACE}`);
  return problem(
    `namespace ${AGENTS_NAMESPACE} is not open to builds`,
    `it lacks ${lacks.join(' and ')}`,
    APPLY,
  );
}

const AUTHORITIES_KEY = 'ca.crt';

function judgeAuthorities(found: ConfigMap | undefined): Found[] {
  if (!found) return [];
  if (found.data?.[AUTHORITIES_KEY]?.includes('-----BEGIN CERTIFICATE-----'))
    return [fine(`their builds trust the authorities in ConfigMap ${AUTHORITIES}`)];
  return [
    problem(
      `ConfigMap ${AUTHORITIES} holds no certificates`,
      `the operator expects them in PEM under the key ${AUTHORITIES_KEY}, and does not start otherwise`,
      `${KUBECTL} create configmap ${AUTHORITIES} --from-file=${AUTHORITIES_KEY}=<file>    (after deleting it)`,
    ),
  ];
}

/** Of the versions that the operator itself chose. */
const judgeBuilds = (built: Programs): Found[] =>
  [...built]
    .filter(([, state]) => state.includes('failed'))
    .map(([agent, state]) =>
      warning(
        `the program of ${agent}: ${state}`,
        'the next Trial of that agent has it built again',
        `kubectl -n ${AGENTS_NAMESPACE} describe taskbuilds -l ${LABEL.agent}=${agent}; ${OPERATOR_LOG} --tail=50`,
      ),
    );
