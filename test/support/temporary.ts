/** What tests and benchmarks bring into the cluster for a while. A label says which run brought it, so that what an interrupted run left is known from what a run still needs. */
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';

/** Runs kubectl, and throws where it fails. */
type Kubectl = (args: string[]) => Promise<string>;

const KEY = 'sb-operator.test/run';
const VARIABLE = 'SB_TEST_RUN';
const machine = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
const runOf = (pid: number | undefined): string => `${pid}-${machine}`;
/** The process that began the run; those that it starts inherit the name. */
const run = (process.env[VARIABLE] ??= runOf(process.pid));

type Labels = Readonly<Record<string, string>>;

/** The label of what goes when this run ends. */
export const TEMPORARY: Labels = { [KEY]: run };
/** The label of what goes when the run ends that this process of this machine began. */
export const broughtBy = (pid: number | undefined): Labels => ({ [KEY]: runOf(pid) });

/** Namespaces take all with them that is in them. */
const KINDS = [
  'nodes',
  'customresourcedefinitions',
  'clusterroles',
  'clusterrolebindings',
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
  'namespaces',
];

interface Found {
  kind: string;
  name: string;
  run: string;
}

const COLUMNS = `{.kind} {.metadata.name} {.metadata.labels.${KEY.replaceAll('.', '\\.')}}`;

async function allTemporary(kubectl: Kubectl): Promise<Found[]> {
  const format = `jsonpath={range .items[*]}${COLUMNS}{"\\n"}{end}`;
  const printed = await kubectl(['get', KINDS.join(','), '-l', KEY, '-o', format]);
  return printed
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [kind = '', name = '', of = ''] = line.split(' ');
      return { kind, name, run: of };
    });
}

/** Whether the process of a run lives. One of another machine or user may. */
function lives({ run: of }: Found): boolean {
  const [pid, where] = of.split('-');
  if (where !== machine) return true;
  try {
    return process.kill(Number(pid), 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Pods of DaemonSets that wait for a node which is gone. The controller hears of no node's end, and looks at them when one changes; it makes again what is wanted. */
const WAITING = [
  'pods',
  '-n',
  'kube-system',
  '--field-selector=status.phase=Pending',
  '--force',
  '--grace-period=0',
];

interface Waiting {
  /** Also until namespaces are gone, which takes an operator that runs. */
  wait: boolean;
}

async function remove(kubectl: Kubectl, found: Found[], { wait }: Waiting): Promise<void> {
  const names = (of: Found[]): string[] => of.map(({ kind, name }) => `${kind}/${name}`);
  const { Namespace: namespaces = [], Other: others = [] } = Object.groupBy(found, ({ kind }) =>
    kind === 'Namespace' ? kind : 'Other',
  );
  const removal = ['delete', '--ignore-not-found'];
  if (namespaces.length > 0) await kubectl([...removal, '--wait=false', ...names(namespaces)]);
  if (others.length > 0) await kubectl([...removal, '--timeout=120s', ...names(others)]);
  if (others.some(({ kind }) => kind === 'Node')) await kubectl([...removal, ...WAITING]);
  if (wait && namespaces.length > 0) await kubectl([...removal, '--timeout=300s', ...names(namespaces)]);
}

/** Removes what runs left behind whose process is gone. */
export async function removeLeftovers(kubectl: Kubectl): Promise<void> {
  const left = (await allTemporary(kubectl)).filter((found) => !lives(found));
  await remove(kubectl, left, { wait: false });
}

/** Removes what this run has brought. */
export async function removeOwn(kubectl: Kubectl, waiting: Waiting): Promise<void> {
  const own = (await allTemporary(kubectl)).filter((found) => found.run === run);
  await remove(kubectl, own, waiting);
}
